"""Rows of all that is done: jobs, schedules, runbooks, gateways, and the systems, alerts and incidents they are for."""

from runbooks.models.alert import Alert, AlertEvent, AlertGroup, AlertWebhook
from runbooks.models.alert_place import AlertNotice, AlertSilence, AlertStorm, AlertSubscription, Heartbeat
from runbooks.models.anomaly import Anomaly, QueryWatch
from runbooks.models.change import ChangeRequest, CommandSet
from runbooks.models.code import CodeRun
from runbooks.models.deploy import CommitCheck, Deploy, Environment, EnvironmentLock
from runbooks.models.feedback import Feedback
from runbooks.models.incident import Incident, IncidentEvent
from runbooks.models.incident_hook import HookDelivery, IncidentHook
from runbooks.models.job import Job, JobEvent
from runbooks.models.oncall import Escalation, EscalationPolicy, EscalationStep, Responder, Rota, Shift, Swap
from runbooks.models.pipeline import CiDelivery, ForgeConnection, Pipeline
from runbooks.models.project import CurrentProject, Operation, Project, ProjectMember, ProjectTurn, ProjectWatch
from runbooks.models.remote import Remote
from runbooks.models.runbook import Run, Runbook, RunbookStep
from runbooks.models.schedule import Schedule, ScheduleRun
from runbooks.models.system import MonitoredSystem, NamedQuery, SystemReading
from runbooks.models.target import GatewayTarget
from runbooks.models.upload import Upload

__all__ = [
    "Alert", "AlertEvent", "AlertGroup", "AlertNotice", "AlertSilence", "AlertStorm", "AlertSubscription",
    "AlertWebhook", "Anomaly", "ChangeRequest", "CiDelivery", "CodeRun", "CommandSet", "CommitCheck", "CurrentProject",
    "Deploy", "Environment", "EnvironmentLock", "Escalation", "EscalationPolicy", "EscalationStep", "Feedback",
    "ForgeConnection", "GatewayTarget", "Heartbeat", "HookDelivery", "Incident", "IncidentEvent", "IncidentHook", "Job",
    "JobEvent", "MonitoredSystem", "NamedQuery", "Operation", "Pipeline", "Project", "ProjectMember", "ProjectTurn",
    "ProjectWatch", "QueryWatch", "Remote", "Responder", "Rota", "Run", "Runbook", "RunbookStep", "Schedule",
    "ScheduleRun", "Shift", "Swap", "SystemReading", "Upload",
]  # fmt: skip
