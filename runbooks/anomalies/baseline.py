"""What is usual: the middle and the spread of a sample, and how far a value is from it by two measures.

The robust measure decides, because a baseline with an outage in it hides the next one from the plain z-score; that one
is given too, for those who read it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, median

# The median absolute deviation of a normal distribution is 0.6745 of its standard deviation, the mean one 1/1.253314.
MAD_SHARE = 0.6745
MEAN_FACTOR = 1.253314
# A spread is never taken to be less than this share of the level: scores stay finite on series that hardly move.
LEAST_SPREAD = 0.005
# The range leaves this share out at either end, so that a few odd values do not make everything usual.
EDGE = 0.02
TINY = 1e-9
MOST = 99.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Baseline:
    """A sample's median with its robust spread, its mean with its deviation, and the range of nearly all of it."""

    median: float
    spread: float
    mean: float
    deviation: float
    low: float
    high: float

    def robust(self, value: float) -> float:
        """Return the modified z-score of a value."""
        return bounded((value - self.median) / self.spread)

    def zscore(self, value: float) -> float:
        """Return the plain z-score of a value."""
        return bounded((value - self.mean) / self.deviation)


def bounded(score: float) -> float:
    """Return a score that is fit to be shown and stored."""
    return max(-MOST, min(MOST, score))


def measure(sample: Sequence[float]) -> Baseline:
    """Measure a sample that is not empty and has finite values only."""
    ordered = sorted(sample)
    edge = int(EDGE * len(ordered))
    middle, mean = median(ordered), fmean(ordered)
    floor = max(LEAST_SPREAD * abs(middle), TINY)
    squares = fmean((value - mean) ** 2 for value in sample)
    return Baseline(
        median=middle,
        spread=max(_spread(sample, middle), floor),
        mean=mean,
        deviation=max(math.sqrt(squares), floor),
        low=ordered[edge],
        high=ordered[-1 - edge],
    )


def _spread(sample: Sequence[float], middle: float) -> float:
    """Return the spread by the median deviation, or by the mean one where more than half of the values are the same."""
    deviations = [abs(value - middle) for value in sample]
    mad = median(deviations)
    return mad / MAD_SHARE if mad > 0 else fmean(deviations) * MEAN_FACTOR
