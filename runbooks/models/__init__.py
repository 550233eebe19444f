"""Units of long work, what happened in them, when they are due, and other gateways that do some of them."""

from runbooks.models.job import Job, JobEvent
from runbooks.models.schedule import Schedule, ScheduleRun
from runbooks.models.target import GatewayTarget

__all__ = ["GatewayTarget", "Job", "JobEvent", "Schedule", "ScheduleRun"]
