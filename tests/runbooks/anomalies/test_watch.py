"""The watch: from a course in Prometheus to rows that open, go on and end, whoever looks and however often."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta

import pytest

from runbooks.anomalies.watching import MOST_SERIES, look, watch_queries
from runbooks.models import Anomaly, MonitoredSystem, NamedQuery, QueryWatch
from tests.servers.courses import Course, CourseServer

NOON = datetime(2026, 1, 20, 12, 0, 10, tzinfo=UTC)
BEGIN = NOON.timestamp() // 60 * 60
MINUTE = timedelta(minutes=1)


def usual(at: float) -> float:
    """A day with a night, never the same twice."""
    return 800 - 500 * math.cos(2 * math.pi * at / 86_400) + at % 7


def between(first: float, last: float, value: float | None) -> Course:
    """The usual course, but between two minutes from noon."""
    return lambda at: value if BEGIN + first * 60 <= at < BEGIN + last * 60 else usual(at)


def rows() -> list[tuple[str, str, int | None, int | None]]:
    """Kind, state, and begin and end in minutes from noon, oldest first."""
    found = Anomaly.objects.order_by("started_at", "id")
    return [(row.kind, row.state, minutes(row.started_at), minutes(row.ended_at)) for row in found]


def minutes(moment: datetime | None) -> int | None:
    """Return how long after noon a moment is."""
    return None if moment is None else round((moment.timestamp() - BEGIN) / 60)


def test_a_drop_opens_a_row_that_goes_on_and_ends(courses: CourseServer, query: NamedQuery) -> None:
    courses.put("tx", between(-10, 90, 0.0))

    assert look(query, now=NOON)
    assert rows() == [("drop", "open", -10, None)]
    row = Anomaly.objects.get()
    assert (row.system.name, row.query, row.title, row.unit) == ("guardian", "tx_per_minute", "Transactions", "/min")
    assert row.expected == pytest.approx(1300, rel=0.05)
    assert row.robust < -3.5 > row.zscore
    assert row.lasted(NOON) == timedelta(minutes=10, seconds=10)

    assert look(query, now=NOON + 80 * MINUTE)  # it began before what is looked at now
    assert rows() == [("drop", "open", -10, None)]
    assert look(query, now=NOON + 100 * MINUTE)
    assert rows() == [("drop", "resolved", -10, 90)]
    assert look(query, now=NOON + 200 * MINUTE)
    assert rows() == [("drop", "resolved", -10, 90)]


def test_silence_lasts_until_something_comes_and_a_week_at_most(courses: CourseServer, query: NamedQuery) -> None:
    """However little of the history is left: first most of a day is silence, then Prometheus knows no such series."""
    hour = 60
    courses.put("tx", between(0, 30 * hour, None))
    look(query, now=NOON + 30 * MINUTE)
    assert rows() == [("missing", "open", 0, None)]
    for hours in range(4, 30, 4):
        look(query, now=NOON + hours * hour * MINUTE)
        assert rows() == [("missing", "open", 0, None)], hours
    look(query, now=NOON + (30 * hour + 10) * MINUTE)
    (ended,) = Anomaly.objects.all()
    assert ended.state == "resolved"

    Anomaly.objects.update(state="open", ended_at=None)
    courses.put("tx", between(0, 30 * 24 * hour, None))
    look(query, now=NOON + 8 * 24 * hour * MINUTE)
    assert Anomaly.objects.get().state == "resolved"


def test_the_same_look_twice_changes_nothing(courses: CourseServer, query: NamedQuery) -> None:
    courses.put("tx", between(-30, -10, 5000.0))
    courses.put("tx", between(-30, -10, None), merchant="xyz")
    look(query, now=NOON)
    before = list(Anomaly.objects.values())
    QueryWatch.objects.update(taken_at=None)

    assert look(query, now=NOON)
    assert list(Anomaly.objects.values()) == before
    assert {(row["kind"], tuple(row["labels"].items())) for row in before} == {
        ("spike", ()),
        ("missing", (("merchant", "xyz"),)),
    }


def test_two_workers_share_the_work(courses: CourseServer, system: MonitoredSystem, query: NamedQuery) -> None:
    other = NamedQuery.objects.create(system=system, name="errors", promql="errors", watched=True)
    courses.put("tx", usual)
    courses.put("errors", usual)

    assert watch_queries(NOON) == 2
    assert watch_queries(NOON + timedelta(seconds=20)) == 0
    assert not look(other, now=NOON + timedelta(seconds=20))
    assert watch_queries(NOON + MINUTE) == 2
    assert len(courses.asked) == 8


def test_a_look_that_comes_late_does_not_undo_a_newer_one(courses: CourseServer, query: NamedQuery) -> None:
    courses.put("tx", between(5, 30, 0.0))
    look(query, now=NOON + 20 * MINUTE)
    QueryWatch.objects.update(taken_at=None)
    look(query, now=NOON)

    assert rows() == [("drop", "open", 5, None)]


def test_what_passed_while_nothing_watched_is_found(courses: CourseServer, query: NamedQuery) -> None:
    courses.put("tx", between(60, 90, 0.0))
    look(query, now=NOON)
    look(query, now=NOON + 240 * MINUTE)

    assert rows() == [("drop", "resolved", 60, 90)]


def test_an_open_row_ends_when_it_was_last_seen_after_a_long_time_without_a_watch(
    courses: CourseServer, query: NamedQuery
) -> None:
    courses.put("tx", between(-30, 60, 0.0))
    look(query, now=NOON)
    look(query, now=NOON + timedelta(hours=9))

    assert rows() == [("drop", "resolved", -30, 1)]


def test_a_source_that_is_away_changes_no_anomaly_and_says_so(courses: CourseServer, query: NamedQuery) -> None:
    courses.put("tx", between(-10, 90, 0.0))
    look(query, now=NOON)
    courses.is_broken = True

    assert not look(query, now=NOON + 5 * MINUTE)
    assert rows() == [("drop", "open", -10, None)]
    watch = QueryWatch.objects.get()
    assert watch.error
    assert watch.looked_at == datetime.fromtimestamp(BEGIN + 60, UTC)


def test_an_expression_that_prometheus_does_not_take_leaves_the_others_alone(
    courses: CourseServer, system: MonitoredSystem, query: NamedQuery
) -> None:
    NamedQuery.objects.create(system=system, name="a_wrong_one", promql="sum(", watched=True)
    courses.put("tx", between(-10, 90, 0.0))

    assert watch_queries(NOON) == 1
    assert "parse error" in QueryWatch.objects.get(query__name="a_wrong_one").error
    assert len(rows()) == 1


def test_who_is_not_watched_any_more_has_nothing_open(courses: CourseServer, query: NamedQuery) -> None:
    courses.put("tx", between(-10, 90, 0.0))
    watch_queries(NOON)
    NamedQuery.objects.update(watched=False)

    assert watch_queries(NOON + 5 * MINUTE) == 0
    assert rows() == [("drop", "resolved", -10, 1)]


def test_a_series_that_a_deploy_replaced_ends_and_is_not_missed_for_ever(
    courses: CourseServer, query: NamedQuery
) -> None:
    courses.put("tx", between(0, 9000, None), pod="old")
    courses.put("tx", usual, pod="other")
    look(query, now=NOON + 10 * MINUTE)
    assert rows() == [("missing", "open", 0, None)]

    look(query, now=NOON + timedelta(hours=26))
    assert [(row.kind, row.state) for row in Anomaly.objects.all()] == [("missing", "resolved")]


def test_not_more_series_are_judged_than_bearable(courses: CourseServer, query: NamedQuery) -> None:
    for number in range(MOST_SERIES + 3):
        courses.put("tx", between(-10, 90, 0.0), merchant=f"{number:02}")
    look(query, now=NOON)

    assert Anomaly.objects.count() == MOST_SERIES
    assert "23 series" in QueryWatch.objects.get().error


def test_between_finds_what_was_there_at_some_time(system: MonitoredSystem) -> None:
    def make(first: int, last: int | None, kind: str) -> None:
        end = NOON + last * MINUTE if last is not None else None
        Anomaly.objects.create(
            system=system, query="q", title="q", series="s", kind=kind, started_at=NOON + first * MINUTE,
            seen_at=end or NOON, ended_at=end, state="resolved" if end else "open",
        )  # fmt: skip

    make(-90, -60, "drop")
    make(-70, -30, "spike")
    make(-500, None, "missing")
    make(10, 20, "flat")

    found = Anomaly.objects.between(NOON - 60 * MINUTE, NOON)
    assert {row.kind for row in found} == {"spike", "missing"}
    assert [row.kind for row in Anomaly.objects.open()] == ["missing"]
