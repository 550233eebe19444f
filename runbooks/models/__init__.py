"""Units of long work, when they are due, other gateways that do some of them, systems that are watched, incidents."""

from runbooks.models.incident import Incident, IncidentEvent
from runbooks.models.incident_hook import HookDelivery, IncidentHook
from runbooks.models.job import Job, JobEvent
from runbooks.models.schedule import Schedule, ScheduleRun
from runbooks.models.system import MonitoredSystem, NamedQuery, SystemReading
from runbooks.models.target import GatewayTarget

__all__ = [
    "GatewayTarget", "HookDelivery", "Incident", "IncidentEvent", "IncidentHook", "Job", "JobEvent", "MonitoredSystem",
    "NamedQuery", "Schedule", "ScheduleRun", "SystemReading",
]  # fmt: skip
