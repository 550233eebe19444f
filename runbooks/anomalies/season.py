"""What was usual at the same time of earlier weeks or days, moved to the level of today.

A season is used where enough of it is known: the same weekday of two weeks, else the same hour of three days. Growth is
told from the season by comparing each hour of the last day with the same hour then, so that an outage in a few of them
changes nothing.

Seasons are those of clocks on walls: people get up at seven before and after the clocks change, so "the same time of
another day" has the same local time, and a day is an hour longer or shorter where the zone has it so.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime, tzinfo
from functools import cached_property
from statistics import median

from runbooks.anomalies.baseline import Baseline, measure
from runbooks.anomalies.values import DAY, HOUR, WEEK, Points

AROUND = HOUR / 2
DAYS, WEEKS = 7, 3
LEAST_DAYS, LEAST_WEEKS = 3, 2
LEAST_POINTS = 8
LEAST_OF_ONE, MOST_OF_ONE = 4, 7
LEAST_HOURS = 6
# Growth beyond this between two days is no growth: it is what the detector is there to find.
MOST_GROWTH = 2.0
# Zones change their clocks at whole quarters of an hour.
QUARTER = HOUR / 4


class LocalTime:
    """Seconds on the clocks of a zone: like unix time, but with that zone's offset in them."""

    def __init__(self, zone: tzinfo) -> None:
        self._zone = zone
        self._offsets: dict[int, float] = {}

    def of(self, at: float) -> float:
        """Return what the clocks show at a moment."""
        return at + self._offset(at)

    def back(self, at: float, seconds: float) -> float:
        """Return the moment so long before, by the clocks; for an hour that they skipped, the one beside it."""
        then = at - seconds
        return then + self._offset(at) - self._offset(then)

    def _offset(self, at: float) -> float:
        quarter = int(at // QUARTER)
        if quarter not in self._offsets:
            moment = datetime.fromtimestamp(quarter * QUARTER, UTC).astimezone(self._zone)
            offset = moment.utcoffset()
            self._offsets[quarter] = offset.total_seconds() if offset is not None else 0.0
        return self._offsets[quarter]


class History:
    """The points of a series before a moment, with the seasons of a zone in them. The values are finite."""

    def __init__(self, points: Points, *, until: float, zone: tzinfo = UTC) -> None:
        known = [(at, value) for at, value in points if at < until]
        self.until = until
        self._times = [at for at, _ in known]
        self._values = [value for _, value in known]
        self.zone = zone
        self._local = LocalTime(zone)
        self._growth: dict[float, float] = {}

    def between(self, start: float, end: float) -> Sequence[float]:
        """Return the values from start up to, but without, end."""
        return self._values[bisect_left(self._times, start) : bisect_left(self._times, end)]

    def seasons(self, at: float) -> list[Baseline]:
        """Return what was usual at this time of the week, else of the day; where both are known a little, both.

        One week is too little to say what is unusual, but enough to say that a weekend is none.
        """
        weekly, weeks = self._sample(at, every=WEEK, times=WEEKS)
        if weeks >= LEAST_WEEKS and len(weekly) >= LEAST_POINTS:
            return [measure(weekly)]
        daily, days = self._sample(at, every=DAY, times=DAYS)
        if days < LEAST_DAYS or len(daily) < LEAST_POINTS:
            return []
        return [measure(daily), *([measure(weekly)] if len(weekly) >= LEAST_OF_ONE else [])]

    def _sample(self, at: float, *, every: float, times: int) -> tuple[list[float], int]:
        """Return the values around this time of so many days or weeks before, and on how many there were some."""
        sample: list[float] = []
        seen = 0
        for back in range(1, times + 1):
            around = self._around(self._local.back(at, back * every))
            if around:
                growth = self._grown(back * every)
                sample += [value * growth for value in around]
                seen += 1
        return sample, seen

    def _around(self, then: float) -> Sequence[float]:
        """Return a few values of the hour around a moment: yesterday, known by the minute, counts as others do."""
        values = self._values[bisect_left(self._times, then - AROUND) : bisect_right(self._times, then + AROUND)]
        return values[:: max(1, -(-len(values) // MOST_OF_ONE))]

    def _grown(self, back: float) -> float:
        """Return by how much the last day is above the day so long before it; 1 where it cannot be said."""
        if back not in self._growth:
            last = int(self._local.of(self.until) // HOUR)
            pairs = [
                (self._hours.get(hour), self._hours.get(hour - int(back // HOUR))) for hour in range(last - 24, last)
            ]
            ratios = [now / then for now, then in pairs if now and then and now > 0 and then > 0]
            ratio = median(ratios) if len(ratios) >= LEAST_HOURS else 1.0
            self._growth[back] = max(1 / MOST_GROWTH, min(MOST_GROWTH, ratio))
        return self._growth[back]

    @cached_property
    def _hours(self) -> dict[int, float]:
        """The median of each hour by its number on the clocks; an hour that they show twice is one."""
        hours: defaultdict[int, list[float]] = defaultdict(list)
        for at, value in zip(self._times, self._values, strict=True):
            hours[int(self._local.of(at) // HOUR)].append(value)
        return {hour: median(values) for hour, values in hours.items()}
