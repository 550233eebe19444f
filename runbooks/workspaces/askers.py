"""For whom a job works, for those who ask once more for their rights when it runs."""

from __future__ import annotations

from guardrails.types import Actor, Role
from runbooks.books.asking import name_of
from runbooks.jobs.actions import SYSTEM
from runbooks.models import Job

_SCHEDULE = "schedule:"


def asker_of(job: Job) -> Actor:
    """Return who asked for a job, not whose it is: who runs another's job again asks for it themselves.

    A schedule asks for whom it belongs to. Roles of chats were checked when the job was made.
    """
    if job.requested_by == SYSTEM.subject:
        return SYSTEM
    subject = job.owner if job.requested_by.startswith(_SCHEDULE) else job.requested_by
    return Actor(subject=subject, role=Role.OPERATOR, name=name_of(subject))
