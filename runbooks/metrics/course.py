"""The course of a query over a period beside the period before it, and the numbers that tell it. Reads Prometheus."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from statistics import fmean

from runbooks.incidents.lines import one_line
from runbooks.models import NamedQuery
from runbooks.sources import prometheus

Points = list[tuple[float, float]]

STEPS = (15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600)
MOST_POINTS = 300
# More lines than these cannot be told apart on a phone.
MOST_SERIES = 5
NAME_CHARS = 80
# For so long Prometheus repeats a last value.
LOOKBACK = 300.0
# Larger ones could be neither added up nor drawn.
MOST_VALUE = 1e100


@dataclass(frozen=True, kw_only=True, slots=True)
class Course:
    """One series: its points in the period and in the one before, without what is no number or beyond all measure."""

    labels: Mapping[str, str]
    points: Points
    before: Points

    @property
    def mean(self) -> float:
        """Its average in the period."""
        return fmean(value for _, value in self.points)

    def numbers(self) -> dict[str, float | None]:
        """Return what people read: the last value, the average, the range, and the average of the period before."""
        values = [value for _, value in self.points]
        before = fmean(value for _, value in self.before) if self.before else None
        return {"value": values[-1], "mean": self.mean, "low": min(values), "high": max(values), "before": before}

    def silent_since(self, end: float, *, step: float) -> float | None:
        """Return when its last value is of, if that is long before the end of the period; None when it is not."""
        last = self.points[-1][0]
        return last if end - last > 2 * step + LOOKBACK else None

    @property
    def name(self) -> str:
        """What tells it from the others."""
        return one_line(", ".join(self.labels.values()), NAME_CHARS)


def step_for(seconds: float) -> float:
    """Return the step at which a period has a bearable number of points."""
    return float(next((step for step in STEPS if seconds / step <= MOST_POINTS), STEPS[-1]))


def read_courses(query: NamedQuery, start: float, end: float) -> list[Course]:
    """Return the series of a query that have a value in the period, the largest first.

    One question for both periods. Raises BadInput and Unavailable as the source does.
    """
    step = step_for(end - start)
    first = datetime.fromtimestamp(start - (end - start), UTC)
    series = prometheus.query_range(query.system, query.promql, first, datetime.fromtimestamp(end, UTC), step)
    found = [_split(each, start, end) for each in series]
    known = [course for course in found if course.points]
    varying = _varying([course.labels for course in known])
    named = [
        Course(
            labels={name: value for name, value in course.labels.items() if name in varying},
            points=course.points,
            before=course.before,
        )
        for course in known
    ]
    return sorted(named, key=lambda course: -abs(course.mean))


def _split(series: prometheus.Series, start: float, end: float) -> Course:
    known = [point for point in series.points if abs(point[1]) <= MOST_VALUE]  # not true of NaN
    return Course(
        labels=series.labels,
        points=[point for point in known if point[0] >= start],
        before=[(at + (end - start), value) for at, value in known if at < start],
    )


def _varying(labels: Sequence[Mapping[str, str]]) -> set[str]:
    """Return the labels in which series differ: the others say nothing."""
    names = {name for each in labels for name in each}
    return {name for name in names if len({each.get(name) for each in labels}) > 1}
