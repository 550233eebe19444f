"""Which of several rates stands out from the others. Pure.

A rate does when it is at least three times the median of the others and two percentage points above it: both numbers
can be said to a person, and a merchant with one failure in fifty does not make it.
"""

from __future__ import annotations

from collections.abc import Mapping
from statistics import median

LEAST_POINTS = 2.0
LEAST_TIMES = 3.0


def stands_out(value: float, usual: float) -> bool:
    """Tell whether a rate in percent is far above what is usual."""
    return value - usual >= LEAST_POINTS and value >= LEAST_TIMES * usual


def find_outstanding(rates: Mapping[str, float]) -> list[tuple[str, float, float]]:
    """Return (name, rate, median of the others) of those that stand out, the highest first; of one alone nothing."""
    found = []
    for name, value in rates.items():
        others = [other for each, other in rates.items() if each != name]
        if others and stands_out(value, usual := median(others)):
            found.append((name, value, usual))
    return sorted(found, key=lambda each: -each[1])
