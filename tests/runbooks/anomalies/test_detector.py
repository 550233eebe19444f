"""What the detector finds, what it leaves alone, and that no series breaks it."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runbooks.anomalies.baseline import MOST, measure
from runbooks.anomalies.detector import find_anomalies, join
from runbooks.anomalies.values import DAY, HOUR, MINUTE, Finding, Kind, Rules, rules_for

BEGIN = 1_767_571_200.0
START = BEGIN + DAY
RULES = Rules()
Course = Callable[[float], float | None]


def make(course: Course, *, hours: float = 25, step: float = MINUTE) -> list[tuple[float, float]]:
    """Points of a course from BEGIN on; no point where it gives None."""
    times = (BEGIN + number * step for number in range(round(hours * HOUR / step)))
    return [(at, value) for at in times if (value := course(at)) is not None]


def wobble(at: float) -> float:
    """Near 100, never the same twice in a row."""
    return 100 + 3 * math.sin(at / 97) + at % 7 / 10


def find(course: Course, rules: Rules = RULES) -> list[Finding]:
    """Judge the last hour of a day and an hour."""
    return find_anomalies(make(course), step=MINUTE, start=START, end=START + HOUR, rules=rules)


def during(first: int, last: int, changed: Callable[[float], float | None]) -> Course:
    """The usual course, but between two minutes of the judged hour."""
    return lambda at: changed(at) if START + first * MINUTE <= at < START + last * MINUTE else wobble(at)


@pytest.mark.parametrize(
    ("changed", "kind"),
    [
        (lambda at: 0.0, Kind.DROP),
        (lambda at: wobble(at) * 0.4, Kind.DROP),
        (lambda at: wobble(at) * 3, Kind.SPIKE),
        (lambda at: 101.5, Kind.FLAT),
        (lambda at: None, Kind.MISSING),
        (lambda at: math.nan, Kind.MISSING),
    ],
)
def test_each_kind_is_found_from_its_begin_to_its_end(changed: Callable[[float], float | None], kind: Kind) -> None:
    (found,) = find(during(10, 30, changed))

    assert found.kind is kind
    assert (found.started_at, found.ended_at) == (START + 10 * MINUTE, START + 30 * MINUTE)
    assert not found.lasts


@pytest.mark.parametrize("changed", [lambda at: 0.0, lambda at: 900.0, lambda at: 101.5, lambda at: None])
def test_what_goes_on_has_no_end_yet(changed: Callable[[float], float | None]) -> None:
    (found,) = find(during(20, 60, changed))

    assert found.lasts
    assert found.ended_at == START + HOUR


def test_a_finding_tells_the_scores_the_value_and_what_was_usual() -> None:
    (found,) = find(during(10, 30, lambda at: 300.0))

    assert found.value == 300
    assert found.expected == pytest.approx(100.3, abs=0.5)
    assert found.robust > 30
    assert found.zscore > 30


@pytest.mark.parametrize(
    "course",
    [
        wobble,
        lambda at: 4.0,
        lambda at: 0.0,
        during(10, 12, lambda at: 900.0),
        during(10, 30, lambda at: wobble(at) * 1.2),
        during(10, 13, lambda at: None),
    ],
    ids=["usual", "constant", "nothing at all", "two odd points", "a small change", "a short gap"],
)
def test_nothing_is_said_of(course: Course) -> None:
    assert find(course) == []


def test_nothing_is_said_without_an_hour_of_history() -> None:
    points = make(lambda at: wobble(at) if at < BEGIN + 59 * MINUTE else 0.0, hours=2)

    assert find_anomalies(points, step=MINUTE, start=BEGIN + 59 * MINUTE, end=BEGIN + 2 * HOUR, rules=RULES) == []
    assert find_anomalies([], step=MINUTE, start=BEGIN, end=BEGIN + HOUR, rules=RULES) == []


def test_a_constant_that_changes_is_found_with_a_score_that_can_be_shown() -> None:
    (found,) = find(lambda at: 4.0 if at < START + 10 * MINUTE else 1.0)

    assert found.kind is Kind.DROP
    assert found.robust == found.zscore == -MOST


def test_a_rate_near_its_cap_is_judged_by_its_distance_to_it() -> None:
    def approved(at: float) -> float:
        level = 90.0 if START + 10 * MINUTE <= at < START + 30 * MINUTE else 94.2
        return level + (wobble(at) - 100) / 10

    assert [each.kind for each in find(approved, rules_for("%"))] == [Kind.DROP]
    assert find(approved, rules_for("ms")) == []


def test_a_quiet_night_is_usual_when_the_nights_before_were_so() -> None:
    def course(at: float) -> float:
        return (1000 if 6 * HOUR <= at % DAY < 22 * HOUR else 80) + wobble(at)

    points = make(course, hours=5 * 24, step=5 * MINUTE)
    night = BEGIN + 4 * DAY + 22 * HOUR
    silent = [(at, value if at < night - HOUR or at >= night else 85.0 + at % 7) for at, value in points]

    assert find_anomalies(points, step=5 * MINUTE, start=night, end=night + HOUR, rules=RULES) == []
    (found,) = find_anomalies(silent, step=5 * MINUTE, start=night - HOUR, end=night, rules=RULES)
    assert (found.kind, round(found.expected, -2)) == (Kind.DROP, 1100)


def test_an_outage_is_found_on_the_first_day_of_a_series_with_nights() -> None:
    def course(at: float) -> float:
        return 0.0 if at >= START + 30 * MINUTE else 800 - 700 * math.cos(2 * math.pi * at / DAY) + wobble(at)

    (found,) = find(course)
    assert (found.kind, found.lasts) == (Kind.DROP, True)


def test_stretches_of_a_kind_that_nearly_touch_are_one() -> None:
    one = Finding(kind=Kind.DROP, started_at=0, ended_at=60, robust=-4, value=3)
    other = Finding(kind=Kind.DROP, started_at=300, ended_at=360, lasts=True, robust=-9, value=1)
    spike = Finding(kind=Kind.SPIKE, started_at=100, ended_at=200)

    joined = join([other, one, spike], gap=240)
    assert joined == [Finding(kind=Kind.DROP, started_at=0, ended_at=360, lasts=True, robust=-9, value=1), spike]
    assert len(join([one, other], gap=239)) == 2


VALUES = st.floats(allow_nan=True, allow_infinity=True) | st.sampled_from([0.0, 1.0, 100.0])


@given(st.lists(st.none() | VALUES, min_size=130, max_size=160))
def test_no_series_breaks_it(values: list[float | None]) -> None:
    points = [(BEGIN + number * MINUTE, value) for number, value in enumerate(values) if value is not None]
    start, end = BEGIN + 80 * MINUTE, BEGIN + len(values) * MINUTE

    found = find_anomalies(points, step=MINUTE, start=start, end=end, rules=RULES)

    assert found == find_anomalies(points, step=MINUTE, start=start, end=end, rules=RULES)
    for each in found:
        assert each.started_at < each.ended_at <= end
        assert all(math.isfinite(number) for number in (each.zscore, each.robust, each.value, each.expected))


def test_the_robust_score_does_not_mind_an_outage_in_the_sample() -> None:
    sample = [wobble(BEGIN + at * MINUTE) for at in range(100)]
    clean, dirty = measure(sample), measure([*sample[:80], *[0.0] * 20])

    assert dirty.robust(0) == pytest.approx(clean.robust(0), rel=0.5)
    assert abs(dirty.zscore(0)) < abs(clean.zscore(0)) / 5
