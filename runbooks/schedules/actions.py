"""What people and programs do with schedules: save, delete, run now. Each with its audit row."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction
from django.utils import timezone

from clawsite.core import audit
from clawsite.core.errors import BadInput
from clawsite.core.nudge import nudge_on_commit
from guardrails.types import Actor
from runbooks.jobs import create_job, get_kind
from runbooks.models import Job, Schedule, ScheduleRun
from runbooks.schedules.checking import find_problems
from runbooks.schedules.times import next_due

# What says when.
_TIMES = ("when", "cron", "time_zone", "every_seconds", "at")


def save_schedule(row: Schedule, *, actor: Actor, origin: str = "", audited: bool = True) -> Schedule:
    """Check a new or changed row, compute when it is due, and save it; BadInput names every problem.

    A time that has come and that nobody has dealt with yet stays due, unless the times are what was changed.
    """
    now = timezone.now()
    problems = find_problems(row, actor=actor, now=now)
    if problems:
        raise BadInput(" ".join(problems.values()))
    created = row.pk is None
    row.error, row.updated_at = "", now
    with transaction.atomic():
        known = Schedule.objects.select_for_update().filter(pk=row.pk).first()
        row.last_due = known.last_due if known is not None else None
        row.next_due = _find_due(row, known, now)
        row.save()
        if audited:
            verb = "create" if created else "change"
            audit.record(f"schedule.{verb}", actor=actor.subject, subject=f"schedule:{row.pk}", origin=origin)
    return row


def _find_due(row: Schedule, known: Schedule | None, now: datetime) -> datetime | None:
    if not row.enabled:
        return None
    due = known.next_due if known is not None and known.enabled else None
    is_same = known is not None and all(getattr(known, name) == getattr(row, name) for name in _TIMES)
    return due if due is not None and due <= now and is_same else next_due(row, after=now)


def delete_schedule(row: Schedule, *, actor: Actor, origin: str = "") -> None:
    """Remove a schedule and the list of its runs; the jobs it started stay."""
    with transaction.atomic():
        audit.record("schedule.delete", actor=actor.subject, subject=f"schedule:{row.pk}", origin=origin, name=row.name)
        row.delete()


def run_now(row: Schedule, *, actor: Actor, origin: str = "") -> Job:
    """Start the job of a schedule at once; when it is due next stays as it is."""
    get_kind(row.kind)
    with transaction.atomic():
        job = create_job(row.kind, params=row.params, actor=actor, owner=row.owner, start=True, origin=origin)
        ScheduleRun.objects.create(
            schedule=row, due_at=timezone.now(), job=job, outcome=ScheduleRun.Outcome.STARTED, by_hand=True
        )
        nudge_on_commit("schedule", job=job.key)
    return job
