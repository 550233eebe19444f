"""Days on which the clocks change: people keep to the clocks, and nothing about that is unusual."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo

import pytest

from runbooks.anomalies.detector import scan
from runbooks.anomalies.season import LocalTime
from runbooks.anomalies.values import DAY, HOUR, MINUTE, Finding, Kind, Point, Rules

BERLIN = ZoneInfo("Europe/Berlin")
SPRING, AUTUMN = datetime(2026, 3, 29, tzinfo=BERLIN), datetime(2026, 10, 25, tzinfo=BERLIN)
both = pytest.mark.parametrize("change", [SPRING, AUTUMN], ids=["spring", "autumn"])
STEP = 15 * MINUTE


def people(at: float) -> float:
    """Return the load of people who work from seven to ten at night by the clocks of Berlin, less on Sundays."""
    moment = datetime.fromtimestamp(at, BERLIN)
    level = 1000.0 if 7 <= moment.hour < 22 else 80.0
    return level * (0.5 if moment.weekday() == 6 else 1.0) + (at // STEP * 7919) % 13


def judge(change: datetime, *, days: float, zone: tzinfo, outage: float = 0.0) -> list[Finding]:
    """Judge the day of the change and the two after it; `outage` is the moment from which an hour has nothing."""
    start, end = change.timestamp(), change.timestamp() + 3 * DAY
    times = [start - days * DAY + number * STEP for number in range(int((end - start) / STEP + days * DAY / STEP))]
    points: list[Point] = [(at, 1.0 if outage <= at < outage + 2 * HOUR else people(at)) for at in times]
    return scan(points, step=STEP, start=start, end=end, rules=Rules(), zone=zone)


@both
@pytest.mark.parametrize("days", [8, 22], ids=["by days", "by weeks"])
def test_mornings_move_with_the_clocks(change: datetime, days: float) -> None:
    assert judge(change, days=days, zone=BERLIN) == []
    assert judge(change, days=days, zone=UTC) != []  # what it would be without them


@both
def test_an_outage_on_such_a_day_is_found(change: datetime) -> None:
    noon = (change + timedelta(hours=12)).timestamp()
    (found,) = judge(change, days=22, zone=BERLIN, outage=noon)
    assert (found.kind, found.started_at, found.ended_at) == (Kind.DROP, noon, noon + 2 * HOUR)


@both
def test_the_same_time_of_another_day_is_that_on_the_clocks(change: datetime) -> None:
    local = LocalTime(BERLIN)
    for hour in (0, 1, 4, 7, 23):
        now = datetime(change.year, change.month, change.day, hour, tzinfo=BERLIN)
        for back in (1, 2, 7):
            then = now - timedelta(days=back)  # of one zone: by the clocks
            assert local.back(now.timestamp(), back * DAY) == then.timestamp()
