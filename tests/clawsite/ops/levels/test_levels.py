"""Service levels from rows: what counts as good, and how fast the budget of what may go wrong is used up."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import count

import pytest
from django.utils import timezone
from pytest_django.fixtures import DjangoAssertNumQueries

from clawsite.models import Minute
from clawsite.ops.levels import Level, report
from clawsite.ops.levels.counting import Tallies, Tally
from clawsite.ops.levels.judging import p95
from clawsite.ops.levels.week import SETTLE, WEEK
from clawsite.ops.minutes import record_minutes
from clawsite.ops.selfalerts import work
from sessions_app.models import Channel, Inbox, Session, Turn

pytestmark = pytest.mark.django_db

NOW = timezone.now()
_numbers = count()


def answered(
    how_many: int, *, ago: timedelta = timedelta(minutes=2), outcome: str = "answer", overhead_ms: float = 100.0
) -> None:
    """Make turns that ended so long ago; the model took two seconds of each."""
    channel, _ = Channel.objects.get_or_create(kind="webchat", name="web")
    session, _ = Session.objects.get_or_create(channel=channel, chat_id="1")
    at = NOW - ago
    for _ in range(how_many):
        turn = Turn(
            inbox=_row(channel, at, Inbox.State.DONE),
            session=session,
            epoch=1,
            state=Turn.State.FAILED if outcome == "unavailable" else Turn.State.DONE,
            outcome=outcome,
            stages={"trigger": 10.0, "input": 10.0, "agent": 2000.0, "output": 5.0},
            started_at=at - timedelta(milliseconds=2000 + overhead_ms - 20),
            finished_at=at,
        )
        turn.save()


def given_up(how_many: int, *, ago: timedelta = timedelta(minutes=2)) -> None:
    channel, _ = Channel.objects.get_or_create(kind="webchat", name="web")
    for _ in range(how_many):
        _row(channel, NOW - ago, Inbox.State.DEAD)


def _row(channel: Channel, at: datetime, state: str) -> Inbox:
    return Inbox.objects.create(
        channel=channel, external_id=str(next(_numbers)), lane="l", raw="", state=state, received_at=at, done_at=at
    )


def level(name: str) -> Level:
    """Return a level of a process that has just started, because the tests write into minutes that are over."""
    WEEK.forget()
    return next(each for each in report(NOW) if each.name == name)


def test_without_messages_every_level_is_held() -> None:
    assert [(each.name, each.value, each.is_held, each.burns) for each in report(NOW)] == [
        ("availability", 1.0, True, ""), ("overhead", 1.0, True, ""), ("errors", 1.0, True, ""),
    ]  # fmt: skip
    assert level("overhead").p95_ms is None


def test_an_apology_is_no_answer_and_a_refusal_is_one() -> None:
    answered(18)
    answered(1, outcome="refused")
    answered(1, outcome="unavailable")
    found = level("availability")
    assert (found.total, found.bad, found.value, found.is_held) == (20, 1, 0.95, False)
    assert level("errors").bad == 0, "that was the model's fault"


def test_what_was_given_up_is_an_error_of_ours_and_no_answer() -> None:
    answered(9)
    given_up(1)
    assert (level("errors").total, level("errors").bad) == (10, 1)
    assert (level("availability").total, level("availability").bad) == (10, 1)


def test_the_overhead_is_what_neither_model_nor_tools_took() -> None:
    answered(19, overhead_ms=120)
    answered(1, overhead_ms=900)
    found = level("overhead")
    assert found.p95_ms == pytest.approx(120, abs=1)
    assert (found.bad, found.is_held) == (1, True)
    answered(1, overhead_ms=900)
    assert not level("overhead").is_held


def test_a_second_attempt_says_nothing_about_overhead() -> None:
    answered(1, overhead_ms=60_000)
    Turn.objects.update(attempt=2)
    assert level("overhead").total == 0


def test_an_outage_now_burns_fast_and_alerts() -> None:
    answered(20, ago=timedelta(minutes=30))
    assert list(work.find_burn(NOW)) == []
    answered(5, outcome="unavailable")
    found = level("availability")
    assert (found.burns, found.fast) == ("fast", 40.0)
    (alert,) = work.find_burn(NOW)
    assert (alert.subject, alert.severity, alert.data["speed"]) == ("availability", "critical", "fast")


def test_an_outage_that_is_over_burns_no_more() -> None:
    answered(20, outcome="unavailable", ago=timedelta(minutes=50))
    answered(20)
    found = level("availability")
    assert (found.burns, found.is_held) == ("", False)


def test_trouble_that_goes_on_for_hours_burns_slowly() -> None:
    for hours in (5.0, 4.0, 3.0, 2.0, 0.2):
        answered(95, ago=timedelta(hours=hours))
        answered(5, outcome="unavailable", ago=timedelta(hours=hours))
    assert level("availability").burns == "slow"


def test_two_bad_ones_are_no_burn() -> None:
    answered(2, outcome="unavailable")
    assert level("availability").burns == ""


def test_what_is_older_than_a_week_does_not_count() -> None:
    answered(1, outcome="unavailable", ago=timedelta(days=8))
    assert level("availability").total == 0


def test_a_process_counts_each_message_once_however_often_it_looks() -> None:
    answered(3)
    for moment in (NOW, NOW, NOW + timedelta(seconds=30), NOW + timedelta(minutes=5)):
        assert availability(moment).total == 3
    answered(2, ago=timedelta(minutes=-5))
    assert availability(NOW + timedelta(minutes=5, seconds=1)).total == 5
    assert availability(NOW + timedelta(hours=7)).total == 5
    assert availability(NOW + timedelta(days=8)).total == 0


def test_after_a_clock_was_set_back_nothing_is_counted_twice() -> None:
    answered(3)
    assert [availability(NOW + timedelta(hours=hours)).total for hours in (2, 0, 1)] == [3, 3, 3]


def test_a_thread_that_comes_late_does_not_let_the_week_be_counted_anew(
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    answered(3)
    edge = (NOW + timedelta(minutes=2)).replace(second=0, microsecond=0) + SETTLE
    assert availability(edge).total == 3
    with django_assert_max_num_queries(10):
        assert availability(edge - timedelta(milliseconds=1)).total == 3


def test_what_the_worker_wrote_down_of_a_minute_is_not_looked_up_again() -> None:
    answered(3)
    record_minutes()
    row = next(row for row in Minute.objects.all() if row.data["levels"]["availability"] == [3, 0])
    row.data["levels"]["availability"] = [1000, 10]
    row.save()
    found = level("availability")
    assert (found.total, found.bad) == (1000, 10)


def test_what_nobody_wrote_down_is_counted_from_the_rows_beside_what_somebody_did() -> None:
    for hours in (0.1, 3, 7.2, 7.5, 100):
        answered(2, ago=timedelta(hours=hours))
    whole = level("availability").total
    written = (NOW - timedelta(hours=7.5)).replace(second=0, microsecond=0)
    Minute.objects.create(at=written, data={"levels": Tallies(availability=Tally(total=50, bad=0)).pack()})
    assert (whole, level("availability").total) == (10, 8 + 50)


def availability(moment: datetime) -> Level:
    """Return what a process that goes on finds at a moment."""
    return report(moment)[0]


@pytest.mark.parametrize(("values", "found"), [([], None), ([3.0], 3.0), ([float(n) for n in range(1, 101)], 95.0)])
def test_the_95th_percentile(values: list[float], found: float | None) -> None:
    assert p95(values) == found
