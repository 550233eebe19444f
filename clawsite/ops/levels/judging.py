"""The levels that we hold, how far they are held, and how fast their budgets are used up.

Fast burn is 14.4 times the budget over an hour and over its last five minutes, slow burn 6 times over six hours and
their last half hour: the pairs that page and that open a ticket in Google's SRE workbook. The short window ends an
alert soon after the trouble. A few bad ones among few are no burn.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils import timezone

from clawsite.ops.levels.counting import Tally
from clawsite.ops.levels.week import WEEK, WINDOW, Reading

FAST, SLOW = 14.4, 6.0
FAST_WINDOWS = (timedelta(hours=1), timedelta(minutes=5))
SLOW_WINDOWS = (timedelta(hours=6), timedelta(minutes=30))
LEAST_BAD = 3


@dataclass(frozen=True, kw_only=True, slots=True)
class Aim:
    """One level: the share that may be bad. It has the name of its tally."""

    name: str
    budget: float

    def count(self, reading: Reading, since: datetime) -> Tally:
        """Return what there was of it since a moment."""
        tally: Tally = getattr(reading.count(since), self.name)
        return tally


@dataclass(frozen=True, kw_only=True, slots=True)
class Level:
    """How a level is held. `value` is the share that was good; `p95_ms` only for overhead.

    `fast` and `slow` are the burn rates of the two pairs of windows, the smaller one of each pair.
    """

    name: str
    aim: float
    value: float
    total: int
    bad: int
    fast: float
    slow: float
    p95_ms: float | None = None

    @property
    def is_held(self) -> bool:
        """Whether the week is within its budget."""
        return self.value >= self.aim

    @property
    def burns(self) -> str:
        """Return fast, slow or nothing."""
        return "fast" if self.fast >= FAST else "slow" if self.slow >= SLOW else ""


AIMS = (
    Aim(name="availability", budget=0.005),
    Aim(name="overhead", budget=0.05),
    Aim(name="errors", budget=0.001),
)


def report(now: datetime | None = None) -> list[Level]:
    """Return every level. Of the messages only those are looked at that came since the last time."""
    moment = now or timezone.now()
    reading = WEEK.read(moment)
    return [_judge(aim, reading, moment) for aim in AIMS]


def _judge(aim: Aim, reading: Reading, now: datetime) -> Level:
    week = aim.count(reading, now - WINDOW)
    return Level(
        name=aim.name,
        aim=1 - aim.budget,
        value=1 - week.share,
        total=week.total,
        bad=week.bad,
        fast=_burn(aim, FAST_WINDOWS, reading, now),
        slow=_burn(aim, SLOW_WINDOWS, reading, now),
        p95_ms=p95(reading.overheads_ms(now - WINDOW)) if aim.name == "overhead" else None,
    )


def _burn(aim: Aim, windows: tuple[timedelta, timedelta], reading: Reading, now: datetime) -> float:
    long, short = (aim.count(reading, now - window) for window in windows)
    if long.bad < LEAST_BAD:
        return 0.0
    return round(min(long.share, short.share) / aim.budget, 2)


def p95(values: list[float]) -> float | None:
    """Return the value that 95 of a hundred do not exceed; None of none. The values are sorted."""
    return values[math.ceil(0.95 * len(values)) - 1] if values else None
