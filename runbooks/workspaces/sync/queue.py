"""Which projects are to be pushed: after each operation, and again when an earlier push failed.

Invariant: `Remote.due_at` is emptied only by a push that began after it was set, so whatever happens to processes and
networks, what was committed here is pushed in the end. One push of a project waits at most; it pushes the newest.
"""

from __future__ import annotations

from datetime import timedelta

from django.db import transaction
from django.utils import timezone

from clawsite.core.jitter import jitter
from guardrails.types import Actor
from runbooks.jobs import create_job
from runbooks.jobs.actions import SYSTEM
from runbooks.models import Job, Operation, Remote

KIND = "git_push"
AT_ONCE = 100
# Waits after each failure in a row, in seconds; the last one stays.
WAITS = (10, 30, 60, 300, 900, 1800)
# What does not mend by itself is tried at this pace, should somebody have mended it there.
SLOW = 1800
# A push of which it is not told how it went has failed by an error of ours, or is at work still.
UNTOLD = 300
# What only people can mend. They hear of it at once.
FOR_PEOPLE = frozenset({"denied", "new_host", "host_key", "diverged", "rejected"})


def push_after(operation: Operation) -> None:
    """Have a project pushed that was changed. In the transaction of the operation."""
    want_push(operation.project_id, actor=SYSTEM)


def want_push(project_id: int, *, actor: Actor) -> Job | None:
    """Have a project pushed now, if it has a remote that is on; return the job that does it."""
    with transaction.atomic():
        remote = _locked(project_id=project_id)
        if remote is None:
            return None
        remote.due_at = timezone.now()
        remote.save(update_fields=["due_at"])
        return _start(remote, actor=actor)


def push_due() -> int:
    """Start a push of every project whose time has come; return how many. A task of the ticker."""
    due = Remote.objects.filter(enabled=True, due_at__lte=timezone.now()).order_by("due_at")
    started = 0
    for pk in list(due.values_list("pk", flat=True)[:AT_ONCE]):
        with transaction.atomic():
            remote = _locked(pk=pk)
            if remote is not None and remote.due_at and remote.due_at <= timezone.now():
                started += _start(remote, actor=SYSTEM) is not None
                remote.due_at = timezone.now() + timedelta(seconds=UNTOLD)
                remote.save(update_fields=["due_at"])
    return started


def next_try(problem: str, tries: int) -> timedelta:
    """Return after how long a push that failed for the n-th time is tried again."""
    seconds = SLOW if problem in FOR_PEOPLE else WAITS[min(tries, len(WAITS)) - 1]
    return timedelta(seconds=jitter(seconds))


def _locked(**values: int) -> Remote | None:
    rows = Remote.objects.select_for_update(of=("self",)).select_related("project")
    return rows.filter(enabled=True, **values).first()


def _start(remote: Remote, *, actor: Actor) -> Job:
    """Return the push of ours that waits to begin, or a new one. The remote's row is locked.

    A job that somebody else made of this kind, and that may never begin or run elsewhere, stands for nothing.
    """
    waiting = Job.objects.here().filter(kind=KIND, state=Job.State.QUEUED, owner=SYSTEM.subject)
    found = waiting.filter(params__project=remote.project.key).first()
    if found is not None:
        return found
    return create_job(KIND, params={"project": remote.project.key}, actor=actor, owner=SYSTEM.subject, start=True)
