"""Units of long work, what happened in them, and when they are due."""

from runbooks.models.job import Job, JobEvent
from runbooks.models.schedule import Schedule, ScheduleRun

__all__ = ["Job", "JobEvent", "Schedule", "ScheduleRun"]
