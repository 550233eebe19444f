"""Jobs, as other layers use them: create, start, watch, cancel, and register what can run."""

from runbooks.jobs.actions import cancel_job, create_job, resume_job, run_again, start_job
from runbooks.jobs.kinds import JobKind, NoParams, find_kind, get_kind, list_kinds, register_kind
from runbooks.jobs.reading import access_job, describe, list_jobs, read_events, result
from runbooks.jobs.working import JobContext, Park

__all__ = [
    "JobContext",
    "JobKind",
    "NoParams",
    "Park",
    "access_job",
    "cancel_job",
    "create_job",
    "describe",
    "find_kind",
    "get_kind",
    "list_jobs",
    "list_kinds",
    "read_events",
    "register_kind",
    "result",
    "resume_job",
    "run_again",
    "start_job",
]
