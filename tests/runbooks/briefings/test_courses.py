"""What is made of the values of a query: totals, averages by traffic, and rates that stand out."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from runbooks.briefings.attention import find_outstanding, stands_out
from runbooks.briefings.courses import add_up, average, name_of, rates, total
from runbooks.briefings.window import Window
from runbooks.sources.prometheus import Series

HOUR = Window.until(datetime(2026, 3, 29, 6, 0, 31, tzinfo=UTC), hours=1)


def series(*values: float, labels: dict[str, str] | None = None) -> Series:
    first = HOUR.start.timestamp()
    points = [(first + 60 * (place + 1), value) for place, value in enumerate(values)]
    return Series(labels=labels or {}, points=points)


def test_a_window_is_of_real_hours_and_ends_with_a_minute() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    spring = Window.until(datetime(2026, 3, 29, 6, 0, 59, tzinfo=berlin), hours=8)
    autumn = Window.until(datetime(2026, 10, 25, 6, 0, tzinfo=berlin), hours=8)
    assert spring.seconds == autumn.seconds == 8 * 3600
    assert spring.start == datetime(2026, 3, 28, 20, 0, tzinfo=UTC)
    assert autumn.start == datetime(2026, 10, 24, 21, 0, tzinfo=UTC)
    assert HOUR.end == datetime(2026, 3, 29, 6, 0, tzinfo=UTC)


def test_a_total_adds_every_minute_of_every_series() -> None:
    figure = total([series(*[10.0] * 60), series(*[1.5] * 60)], HOUR)
    assert figure is not None
    assert (figure.value, figure.covered) == (690.0, 1.0)


def test_minutes_without_a_value_are_not_counted_and_are_told() -> None:
    figure = total([series(*[10.0] * 30, *[math.nan] * 15, *[math.inf] * 15)], HOUR)
    assert figure is not None
    assert (figure.value, figure.covered) == (300.0, 0.5)
    assert total([], HOUR) is None
    assert total([series(math.nan)], HOUR) is None


def test_an_average_weighs_each_minute_by_its_traffic() -> None:
    traffic = add_up([series(*[100.0] * 30, *[300.0] * 30)])
    figure = average([series(*[90.0] * 30, *[98.0] * 30)], HOUR, weights=traffic)
    assert figure is not None
    assert figure.value == pytest.approx(96.0)
    plain = average([series(*[90.0] * 30, *[98.0] * 30)], HOUR)
    assert plain is not None
    assert plain.value == pytest.approx(94.0)
    assert average([series(50.0)], HOUR, weights=add_up([series(0.0)])) is None


def test_minutes_of_which_the_traffic_is_not_known_are_not_covered() -> None:
    traffic = add_up([series(*[100.0] * 15)])
    figure = average([series(*[90.0] * 15, *[98.0] * 45)], HOUR, weights=traffic)
    assert figure is not None
    assert figure.value == pytest.approx(90.0)
    assert figure.covered == 0.25
    quiet = average([series(*[90.0] * 60)], HOUR, weights=add_up([series(*[100.0] * 30, *[0.0] * 30)]))
    assert quiet is not None
    assert quiet.covered == 1.0


def test_of_names_that_are_cut_to_the_same_one_the_highest_rate_is_told() -> None:
    (rate,) = rates([series(value, labels={"path": "x" * 200 + str(value)}) for value in (0.5, 50.0, 1.0)]).values()
    assert rate == 50.0


def test_rates_have_the_names_of_their_labels() -> None:
    found = rates([series(1.0, 3.0, math.nan, labels={"merchant": "xyz", "__name__": "n"}), series(math.nan)])
    assert found == {"merchant xyz": 2.0}
    assert name_of({"b": "2", "a": "1"}) == "a 1, b 2"


@pytest.mark.parametrize(
    ("rates", "names"),
    [
        ({"a": 0.4, "b": 0.5, "c": 0.4, "xyz": 12.0}, ["xyz"]),
        ({"a": 0.4, "xyz": 12.0}, ["xyz"]),
        ({"a": 0.4, "b": 0.3, "c": 0.5, "d": 30.0, "xyz": 12.0}, ["d", "xyz"]),
        ({"a": 0.1, "b": 1.9}, []),
        ({"a": 10.0, "b": 12.0, "c": 29.0}, []),
        ({"a": 0.0, "b": 0.0}, []),
        ({"alone": 90.0}, []),
        ({}, []),
    ],
)
def test_what_stands_out(rates: dict[str, float], names: list[str]) -> None:
    assert [name for name, _, _ in find_outstanding(rates)] == names


def test_both_measures_must_hold() -> None:
    assert stands_out(3.0, 1.0)
    assert not stands_out(2.9, 1.0)
    assert not stands_out(1.9, 0.0)
    assert stands_out(2.0, 0.0)
