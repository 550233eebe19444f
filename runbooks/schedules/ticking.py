"""Starts what is due. Every worker may tick at any time: a due time is taken by one conditional update.

Each schedule is a transaction of its own, so a row that makes no sense stops no other: it is disabled and says why. A
database that is locked or away is no fault of the row; its time stays due.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import InterfaceError, OperationalError, transaction
from django.utils import timezone

from clawsite.core import audit
from clawsite.core.db import with_retry
from clawsite.core.errors import ClawError, log_unknown
from clawsite.core.nudge import nudge_on_commit
from guardrails.types import Actor, Role
from runbooks.jobs import create_job
from runbooks.models import Schedule, ScheduleRun
from runbooks.schedules.actions import delete_schedule
from runbooks.schedules.times import BadTimes, latest_due, next_due

Outcome = ScheduleRun.Outcome

BATCH = 100
# What starts within this time of its due time is not late.
ON_TIME_SECONDS = 60.0


def tick(now: datetime | None = None) -> int:
    """Deal with every due time up to now; return how many there were."""
    moment = now or timezone.now()
    due = Schedule.objects.filter(enabled=True, next_due__lte=moment).order_by("next_due")
    count = 0
    for schedule_id in list(due.values_list("pk", flat=True)[:BATCH]):
        try:
            count += with_retry(lambda pk=schedule_id: run_due(pk, now=moment)) is not None  # type: ignore[misc]
        except (OperationalError, InterfaceError) as error:
            log_unknown(error, where="a schedule, which will be tried again")
        except Exception as error:
            _give_up(schedule_id, error)
    return count


def find_anew(now: datetime | None = None) -> int:
    """Compute anew what schedules wait for, by the clock and the time zone as they are now; return how many differ.

    A time that has come stays due, and one that was run is not run again, because its run is a row.
    """
    moment = now or timezone.now()
    count = _take_skips_back(moment)
    for row in Schedule.objects.filter(enabled=True, next_due__gt=moment):
        try:
            due = next_due(row, after=moment)
        except BadTimes:
            continue  # when it is due it is disabled and says why
        if due is not None and due != row.next_due:
            waiting = Schedule.objects.filter(pk=row.pk, enabled=True, next_due=row.next_due)
            count += waiting.update(next_due=due)
    return count


def _take_skips_back(now: datetime) -> int:
    """Have times come that were taken for too late and still lie ahead, because the clock had gone far ahead.

    Returns how many schedules wait again that come once and had ended with that.
    """
    count = 0
    for row in Schedule.objects.filter(last_due__gt=now):
        with transaction.atomic():
            skipped, _ = row.runs.filter(due_at__gt=now, outcome=Outcome.SKIPPED).delete()
            if skipped and row.when == Schedule.When.AT and row.at == row.last_due:
                ended = Schedule.objects.filter(pk=row.pk, enabled=False, at=row.at)
                count += ended.update(enabled=True, next_due=row.at, last_due=None)
    return count


def run_due(schedule_id: int, *, now: datetime) -> ScheduleRun | None:
    """Deal with the due time of one schedule; None when there is none, or somebody else deals with it."""
    with transaction.atomic():
        row = Schedule.objects.filter(pk=schedule_id, enabled=True, next_due__lte=now).first()
        if row is None or row.next_due is None:
            return None
        due = latest_due(row, since=row.next_due, now=now)
        following = next_due(row, after=now)
        mine = Schedule.objects.filter(pk=row.pk, enabled=True, next_due=row.next_due)
        changes = {"next_due": following, "last_due": due, "error": "", "enabled": following is not None}
        if not mine.update(**changes):
            return None
        run, new = ScheduleRun.objects.get_or_create(
            schedule=row, due_at=due, defaults={"outcome": Outcome.SKIPPED, "at": now}
        )
        if new and _is_wanted(row, due, now):
            _start(row, run)
        if following is None:
            _end(row, run)
    return run


def _end(row: Schedule, run: ScheduleRun) -> None:
    """Record that a schedule is over, or remove it; by the audit row the history of the configuration follows."""
    if row.source.get("deleteAfterRun") and run.outcome == Outcome.STARTED:
        delete_schedule(row, actor=_actor_of(row))
    else:
        audit.record("schedule.end", actor=_actor_of(row).subject, subject=f"schedule:{row.pk}", name=row.name)


def _actor_of(row: Schedule) -> Actor:
    return Actor(subject=f"schedule:{row.pk}", role=Role.ADMIN, name=row.name)


def _is_wanted(row: Schedule, due: datetime, now: datetime) -> bool:
    """Tell whether a due time is still to be run, by the schedule's policy."""
    late = now - due
    if late <= timedelta(seconds=ON_TIME_SECONDS) or row.missed == Schedule.Missed.ONCE:
        return True
    return row.missed == Schedule.Missed.LATE and late <= timedelta(minutes=row.late_minutes)


def _start(row: Schedule, run: ScheduleRun) -> None:
    """Start the job; what the project knows to be wrong is written down and waits for a person."""
    try:
        with transaction.atomic():
            run.job = create_job(
                row.kind,
                params=row.params,
                actor=_actor_of(row),
                owner=row.owner,
                idempotency_key=f"schedule:{row.pk}:{run.due_at.isoformat()}",
                start=True,
            )
        run.outcome = Outcome.STARTED
        nudge_on_commit("schedule", job=run.job.key)
    except ClawError as error:
        run.outcome, run.error = Outcome.FAILED, error.message[:500]
        Schedule.objects.filter(pk=row.pk).update(error=run.error)
    run.save()


def _give_up(schedule_id: int, error: Exception) -> None:
    """Disable a schedule whose due times cannot be dealt with, and say so in its row."""
    text = str(error) if isinstance(error, BadTimes) else f"internal error {log_unknown(error, where='a schedule')}"
    try:
        Schedule.objects.filter(pk=schedule_id).update(enabled=False, next_due=None, error=f"Disabled: {text}"[:500])
    except Exception as second:
        log_unknown(second, where="a schedule that failed")
