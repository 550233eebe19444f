"""Rows of all that is done: jobs, schedules, runbooks, other gateways, and the systems and incidents they are for."""

from runbooks.models.incident import Incident, IncidentEvent
from runbooks.models.incident_hook import HookDelivery, IncidentHook
from runbooks.models.job import Job, JobEvent
from runbooks.models.runbook import Run, Runbook, RunbookStep
from runbooks.models.schedule import Schedule, ScheduleRun
from runbooks.models.system import MonitoredSystem, NamedQuery, SystemReading
from runbooks.models.target import GatewayTarget

__all__ = [
    "GatewayTarget", "HookDelivery", "Incident", "IncidentEvent", "IncidentHook", "Job", "JobEvent",
    "MonitoredSystem", "NamedQuery", "Run", "Runbook", "RunbookStep", "Schedule", "ScheduleRun", "SystemReading",
]  # fmt: skip
