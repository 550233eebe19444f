"""The values of the detector: points in, findings out, and the numbers by which it decides.

Where the numbers come from: 0.6745 and 3.5 are those of Iglewicz and Hoaglin, the half of the usual as the least
change, 60 points of history and three of five points are what Grafana's and GitLab's recipes for Prometheus use.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

Point = tuple[float, float]
Points = Sequence[Point]

MINUTE, HOUR, DAY, WEEK = 60.0, 3600.0, 86_400.0, 7 * 86_400.0


class Kind(StrEnum):
    """What is unusual about a stretch of a series."""

    DROP = "drop"
    SPIKE = "spike"
    FLAT = "flat"
    MISSING = "missing"


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """One stretch of a series that is not as usual. `lasts` when it goes on at the end of what was judged.

    The scores, the value and what was usual then are those of its most unusual point; 0 where a kind has none.
    """

    kind: Kind
    started_at: float
    ended_at: float
    lasts: bool = False
    zscore: float = 0.0
    robust: float = 0.0
    value: float = 0.0
    expected: float = 0.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Rules:
    """How far from the usual is unusual.

    limit: robust score from which a point counts. share: the least change, as a share of the usual value; where values
    cannot pass a `cap` (100 %), of the smaller distance to 0 or to the cap, so that 94 % to 90 % counts as failures
    that nearly doubled. least: the least change as such. votes of `window` points in a row must be unusual.
    needed: points of history without which nothing is said. joined: seconds between two stretches that are one.
    """

    limit: float = 3.5
    share: float = 0.5
    least: float = 0.0
    cap: float | None = None
    votes: int = 3
    window: int = 5
    needed: int = 60
    joined: float = 5 * MINUTE

    def margin(self, usual: float) -> float:
        """Return the least change from a usual value that is worth telling."""
        room = abs(usual) if self.cap is None else max(0.0, min(usual, self.cap - usual))
        return max(self.share * room, self.least)


# A percentage that moves by less than a point, and a ratio by less than a hundredth, worries nobody.
_BY_UNIT = {
    "%": Rules(cap=100.0, least=1.0),
    "percent": Rules(cap=100.0, least=1.0),
    "ratio": Rules(cap=1.0, least=0.01),
}


def rules_for(unit: str) -> Rules:
    """Return the rules for values of a unit."""
    return _BY_UNIT.get(unit.strip().lower(), Rules())
