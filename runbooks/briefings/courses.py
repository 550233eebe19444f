"""The course of a named query over the time of a briefing, a value for each minute, and what is made of it."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from statistics import fmean

from runbooks.briefings.window import Window
from runbooks.incidents.lines import one_line
from runbooks.models import NamedQuery
from runbooks.sources.prometheus import Series, query_range

STEP = 60.0
NAME_CHARS = 100

Course = Mapping[float, float]


@dataclass(frozen=True, kw_only=True, slots=True)
class Figure:
    """A number, and for how much of the time there was one (0 to 1)."""

    value: float
    covered: float


def read_series(query: NamedQuery, window: Window) -> list[Series]:
    """Return a value for each minute of the window: each stands for the minute before it."""
    first = window.start + timedelta(seconds=STEP)
    return query_range(query.system, query.promql, first, window.last_minute, STEP)


def total(series: list[Series], window: Window) -> Figure | None:
    """Return how much there was in all, of a rate per minute; None where there was no value at all."""
    course = add_up(series)
    return Figure(value=math.fsum(course.values()), covered=_covered(course, window)) if course else None


def average(series: list[Series], window: Window, *, weights: Course | None = None) -> Figure | None:
    """Return the average of a rate in percent, each minute by its traffic where that is known; None without a value.

    Minutes without traffic say nothing about it; those of which the traffic is not known are not covered.
    """
    course = middle(series)
    known = {at: weights[at] for at in course if at in weights} if weights else dict.fromkeys(course, 1.0)
    weight = math.fsum(known.values())
    if not weight:
        return None
    value = math.fsum(course[at] * known[at] for at in known) / weight
    return Figure(value=value, covered=_covered(known, window))


def rates(series: list[Series]) -> dict[str, float]:
    """Return the average of each series by its labels; of those whose names are cut to the same one, the highest."""
    found: dict[str, float] = {}
    for each in series:
        if values := [value for _, value in finite(each)]:
            name, rate = name_of(each.labels), fmean(values)
            found[name] = max(found.get(name, rate), rate)
    return found


def name_of(labels: Mapping[str, str]) -> str:
    """Return what tells one series from the others: `merchant xyz`."""
    return one_line(
        ", ".join(f"{name} {value}" for name, value in sorted(labels.items()) if name != "__name__"), NAME_CHARS
    )


def add_up(series: list[Series]) -> dict[float, float]:
    """Return the sum of several series, minute by minute."""
    return {at: math.fsum(values) for at, values in _by_minute(series).items()}


def middle(series: list[Series]) -> dict[float, float]:
    """Return the mean of several series, minute by minute."""
    return {at: fmean(values) for at, values in _by_minute(series).items()}


def _by_minute(series: list[Series]) -> dict[float, list[float]]:
    found: dict[float, list[float]] = defaultdict(list)
    for each in series:
        for at, value in finite(each):
            found[at].append(value)
    return found


def finite(series: Series) -> list[tuple[float, float]]:
    """Return the points whose value is a number."""
    return [(at, value) for at, value in series.points if math.isfinite(value)]


def _covered(course: Course, window: Window) -> float:
    return min(1.0, len(course) * STEP / window.seconds)
