"""Series in which most points are nothing at all: they are looked at in steps wide enough to hold something usually.

In a series with one event in ten minutes every single minute is either nothing or far above it, so that no score says
anything. Sums of a quarter of an hour can be compared; where an hour holds too little, no level is judged.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from statistics import fmean

from runbooks.anomalies.values import Point, Points

EMPTY_SHARE = 0.25
WIDTHS = (5, 15, 30, 60)
# How many wide steps are judged at once: enough for three of five with an end.
LOOKED_AT = 8


@dataclass(frozen=True, kw_only=True, slots=True)
class Wide:
    """A series in larger steps: each point is the mean of its step."""

    points: list[Point]
    step: float


def is_sparse(values: Sequence[float]) -> bool:
    """Tell whether too many of the values are zero to compare single ones."""
    return min(values) >= 0 and values.count(0.0) > EMPTY_SHARE * len(values)


def widen(points: Points, *, step: float, start: float, until: float) -> Wide | None:
    """Return the series in the smallest steps that are not sparse between start and until, None when there are none."""
    for width in WIDTHS:
        wide = _group(points, width * step)
        values = [value for at, value in wide if start <= at < until]
        if values and any(values) and not is_sparse(values):
            return Wide(points=wide, step=width * step)
    return None


def _group(points: Points, step: float) -> list[Point]:
    """Steps begin at multiples of their length, so that every look at a series sees the same ones."""
    groups = groupby(points, key=lambda point: math.floor(point[0] / step))
    return [(number * step, fmean(value for _, value in group)) for number, group in groups]
