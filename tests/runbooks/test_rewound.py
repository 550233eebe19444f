"""The clock was set back by an hour: what was due is due still, and what people have set for a time waits for it."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from django.utils import timezone

from clawsite.core.models import ServiceState
from runbooks import rewound
from runbooks.models import Job, ScheduleRun
from runbooks.reaper import wake_due
from runbooks.rewound import make_due, mend_times
from runbooks.schedules import save_schedule, tick
from sessions_app import inbox, outbox
from sessions_app.inbox import StoredUpdate, store_updates
from sessions_app.models import Channel, Inbox
from tests.runbooks.people import BOB
from tests.runbooks.running import start
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


def times(before: datetime, *, hours: int) -> list[datetime]:
    """Return what a clock shows that jumps forward, back and forward, a second after each jump."""
    far = before + timedelta(hours=hours)
    return [before, far, before + timedelta(seconds=1), far + timedelta(seconds=1), far + timedelta(seconds=2)]
