"""The clock was set back by an hour: what was due is due still, and what people have set for a time waits for it."""

from __future__ import annotations

import threading
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.db.models import F
from django.utils import timezone
from pytest_django import Settings

from clawsite.core import clock
from clawsite.core.clock import Patience
from clawsite.core.models import ServiceState
from runbooks import rewound, watch
from runbooks.jobs import JobContext
from runbooks.models import Job, Schedule, ScheduleRun
from runbooks.reaper import end_overdue, wake_due
from runbooks.rewound import make_due, mend_times
from runbooks.schedules import find_anew, save_schedule, tick
from sessions_app import inbox, outbox
from sessions_app.inbox import StoredUpdate, store_updates
from sessions_app.models import Channel, Inbox
from tests.clawsite.running import until
from tests.runbooks.people import BOB
from tests.runbooks.running import kind, perform_beside, start
from tests.runbooks.test_schedules import schedule

pytestmark = pytest.mark.django_db
HOUR = timedelta(hours=1)


class Moved:
    """A clock that has been moved, once."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds

    def moved(self) -> float:
        seconds, self.seconds = self.seconds, 0.0
        return seconds


def heads(channel: Channel) -> tuple[int, int]:
    """Return how many lanes and how many chats may be worked on now."""
    return len(inbox.find_heads(busy=(), limit=9)), len(outbox.find_heads(channel.pk, busy=(), limit=9))


def test_what_people_wrote_does_not_wait_for_the_hour_to_come_again(monkeypatch: pytest.MonkeyPatch) -> None:
    channel = Channel.objects.create(kind="webchat", name="web")
    store_updates(channel.pk, [StoredUpdate(external_id="1", lane="a", raw="{}")])
    assert outbox.add_row(channel_id=channel.pk, chat_id="a", session_id=None, dedupe_key="k", payload={})
    assert heads(channel) == (1, 1)
    later = timezone.now() + HOUR
    Inbox.objects.update(not_before=later, received_at=later)
    channel.outbox.update(not_before=later, created_at=later)
    assert heads(channel) == (0, 0)

    monkeypatch.setattr(rewound, "_offset", Moved(HOUR.total_seconds()))
    assert mend_times() == 0, "a jump forward puts nothing off"
    monkeypatch.setattr(rewound, "_offset", Moved(-HOUR.total_seconds()))
    assert mend_times() == 2
    assert mend_times() == 0

    assert heads(channel) == (1, 1)


def test_jobs_that_had_come_due_run_and_those_that_wait_for_a_time_wait() -> None:
    due, parked = start("selftest"), start("selftest")
    ahead = timezone.now() + HOUR
    Job.objects.filter(pk=due.pk).update(not_before=ahead, sent_at=ahead)
    Job.objects.filter(pk=parked.pk).update(not_before=ahead + HOUR, sent_at=None)
    assert wake_due() == 0

    assert make_due(seconds=HOUR.total_seconds() + 1) == 1

    assert wake_due() == 1
    parked.refresh_from_db()
    assert parked.not_before == ahead + HOUR


def test_a_service_that_is_left_alone_is_tried() -> None:
    row = ServiceState.objects.create(kind="model", name="m", open_until=timezone.now() + HOUR)
    assert make_due(seconds=HOUR.total_seconds()) == 1
    row.refresh_from_db()
    assert row.open_until is not None
    assert row.open_until <= timezone.now()


@pytest.mark.parametrize("hours", [1, 25])
def test_a_briefing_is_made_once_though_its_time_comes_twice(hours: int) -> None:
    """Every day at three: the clock passes it, is set back before it, and passes it again."""
    row = save_schedule(schedule(), actor=BOB)
    assert row.next_due is not None
    before = row.next_due - timedelta(minutes=30)
    for moment in times(before, hours=hours):
        tick(moment)
    runs = list(ScheduleRun.objects.filter(outcome="started").values_list("due_at", flat=True))
    assert len(runs) == len(set(runs)) == Job.objects.count()
    # An hour passes one due time, a day and an hour the last of two, of which the first came too late.
    assert runs == [row.next_due + timedelta(days=hours // 24)]


@pytest.mark.parametrize("given", [{"cron": "0 * * * *"}, {"when": "every", "every_seconds": 3600, "cron": ""}])
def test_schedules_do_not_wait_until_a_clock_that_went_ahead_is_there(given: dict[str, Any]) -> None:
    """It went ahead by a year and a minute, in which an hour came, and was set right a minute later."""
    row = save_schedule(schedule(**given), actor=BOB)
    due = row.next_due
    assert due is not None
    ahead = timedelta(days=365, minutes=1)
    tick(due + ahead)
    row.refresh_from_db()
    assert row.next_due is not None
    assert row.next_due > due + ahead

    assert make_due(seconds=ahead.total_seconds()) == 1

    row.refresh_from_db()
    assert row.next_due == due
    assert [tick(due), tick(due)] == [1, 0]
    assert Job.objects.count() == 2


@pytest.mark.parametrize("given", [{}, {"when": "at", "cron": ""}])
def test_a_time_that_a_clock_far_ahead_took_for_too_late_comes(given: dict[str, Any]) -> None:
    """It went ahead by three days, found the time long over, and was set right before that time."""
    at = (timezone.now() + 3 * HOUR).replace(microsecond=0)
    given = given and given | {"at": at}
    row = save_schedule(schedule(**({"cron": f"{at.minute} {at.hour} {at.day} {at.month} *"} | given)), actor=BOB)
    due = row.next_due
    assert due is not None
    ahead = timedelta(days=3)
    tick(due + ahead)
    assert (ScheduleRun.objects.get().outcome, Job.objects.count()) == ("skipped", 0)

    assert make_due(seconds=ahead.total_seconds()) == 1
    assert find_anew() == 0

    row.refresh_from_db()
    assert (row.next_due, row.enabled) == (due, True)
    assert [tick(due), tick(due)] == [1, 0]
    assert (ScheduleRun.objects.get().outcome, Job.objects.count()) == ("started", 1)


def test_what_an_interval_counts_from_may_lie_ahead() -> None:
    """Somebody made the schedule while the clock went ahead by a year, and said no time to begin at."""
    row = save_schedule(schedule(when="every", every_seconds=60, cron=""), actor=BOB)
    Schedule.objects.update(created_at=row.created_at + timedelta(days=365))
    Schedule.objects.update(next_due=row.created_at + timedelta(days=365))
    make_due(seconds=365 * 86_400)
    row.refresh_from_db()
    assert row.next_due is not None
    assert row.next_due <= timezone.now() + timedelta(seconds=60)


def test_another_time_zone_counts_from_the_next_start_on(settings: Settings) -> None:
    settings.TIME_ZONE = "UTC"
    row = save_schedule(schedule(), actor=BOB)
    kept = save_schedule(schedule(name="kept", time_zone="UTC"), actor=BOB)
    settings.TIME_ZONE = "America/Sao_Paulo"

    assert (find_anew(), find_anew()) == (1, 0)

    row.refresh_from_db()
    assert row.next_due is not None
    assert row.next_due.astimezone(ZoneInfo("America/Sao_Paulo")).hour == 3
    assert Schedule.objects.get(pk=kept.pk).next_due == kept.next_due


@pytest.mark.django_db(transaction=True)
def test_a_running_job_keeps_its_time_when_the_clock_is_set_forward(monkeypatch: pytest.MonkeyPatch) -> None:
    day, seen_by_job = [0.0], Moved(0)
    monkeypatch.setattr(clock, "_patience", Patience(clock=lambda: 0.0, wall=lambda: day[0]))
    monkeypatch.setattr(watch, "Offset", lambda: seen_by_job)
    goes_on = threading.Event()

    def work(ctx: JobContext) -> None:
        while not goes_on.is_set():
            ctx.wait(0.05)

    with kind(work, seconds=100):
        job = start()
        runner = threading.Thread(target=perform_beside, args=[job.pk])
        runner.start()
        try:
            until(lambda: Job.objects.filter(pk=job.pk, state="running").exists(), seconds=20, what="it runs")
            Job.objects.filter(pk=job.pk).update(deadline=F("deadline") - HOUR)  # an hour later all at once
            day[0] += HOUR.total_seconds()
            assert end_overdue() == 0, "nobody is late for a jump"
            seen_by_job.seconds = HOUR.total_seconds()
            ahead = Job.objects.filter(pk=job.pk, deadline__gt=timezone.now() + timedelta(seconds=50))
            until(ahead.exists, seconds=20, what="its deadline is as far away as before")
        finally:
            goes_on.set()
            runner.join(20)
    job.refresh_from_db()
    assert job.state == "succeeded"


def times(before: datetime, *, hours: int) -> list[datetime]:
    """Return what a clock shows that jumps forward, back and forward, a second after each jump."""
    far = before + timedelta(hours=hours)
    return [before, far, before + timedelta(seconds=1), far + timedelta(seconds=1), far + timedelta(seconds=2)]
