"""Removes jobs that ended long ago, their events before them, a bounded piece at a time; so with schedules."""

from __future__ import annotations

import time
from datetime import timedelta

from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q
from django.utils import timezone

from runbooks.jobs.actions import SYSTEM
from runbooks.models import Job, JobEvent, Schedule, ScheduleRun
from runbooks.schedules import delete_schedule
from sessions_app.models import ToolCall

JOB_DAYS = 30
RUN_DAYS = 90
BATCH = 100
EVENTS_AT_ONCE = 2000
# Together well below the queue's time limit; the next round goes on.
SECONDS, RUN_SECONDS = 40.0, 20.0


def clean_jobs(*, days: int = JOB_DAYS, seconds: float = SECONDS) -> int:
    """Delete jobs that ended, or were never started, so long ago; return how many."""
    end = time.monotonic() + seconds
    old = timezone.now() - timedelta(days=days)
    # Each by its own index: for both at once the database would look through all jobs.
    ended, unstarted = Q(ended_at__lt=old), Q(state=Job.State.CREATED, created_at__lt=old)
    return sum(_clean(gone, end) for gone in (ended, unstarted))


def _clean(gone: Q, end: float) -> int:
    count = 0
    while time.monotonic() < end:
        rows = list(Job.objects.filter(gone).order_by().values_list("pk", "last_seq", "key")[:BATCH])
        if not rows:
            break
        for pk, last, _key in rows:
            if not _delete_events(pk, last, end):
                return count
        ToolCall.objects.exclude(job_key="").filter(job_key__in=[key for _pk, _last, key in rows]).delete()
        Job.objects.filter(pk__in=[pk for pk, _last, _key in rows]).filter(gone).delete()
        count += len(rows)
    return count


def _delete_events(job_id: int, last: int, end: float) -> bool:
    """Delete a job's events by ranges of their numbers; False when the time is over."""
    for upto in range(EVENTS_AT_ONCE, last + EVENTS_AT_ONCE, EVENTS_AT_ONCE):
        if time.monotonic() >= end:
            return False
        JobEvent.objects.filter(job_id=job_id, seq__lte=upto).delete()
    return True


def clean_runs(*, days: int = RUN_DAYS, seconds: float = RUN_SECONDS) -> int:
    """Delete the records of due times of so long ago; return how many."""
    end = time.monotonic() + seconds
    old = ScheduleRun.objects.filter(at__lt=timezone.now() - timedelta(days=days)).order_by("at")
    count = 0
    while time.monotonic() < end and (keys := list(old.values_list("pk", flat=True)[:BATCH])):
        ScheduleRun.objects.filter(pk__in=keys).delete()
        count += len(keys)
    return count


def clean_schedules(*, days: int = RUN_DAYS) -> int:
    """Delete schedules that came once, so long ago that no record of a run is left; return how many.

    Each through the action, by whose audit row its document goes from the configuration's repository, too. What
    somebody changed within that time stays: they may want to give it another one.
    """
    old = timezone.now() - timedelta(days=days)
    runs = ScheduleRun.objects.filter(schedule=OuterRef("pk"))
    over = Schedule.objects.filter(
        when=Schedule.When.AT, enabled=False, at__lt=old, last_due=F("at"), updated_at__lt=old
    )
    count = 0
    for pk in list(over.filter(~Exists(runs)).order_by("pk").values_list("pk", flat=True)[:BATCH]):
        with transaction.atomic():
            row = over.select_for_update().filter(pk=pk).first()
            if row is not None:
                delete_schedule(row, actor=SYSTEM)
                count += 1
    return count
