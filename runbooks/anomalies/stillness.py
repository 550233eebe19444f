"""Two ways in which a series falls silent: it repeats one value, or it has no points at all.

How long a silence must be comes from how often the series itself repeats a value or leaves out a point: so long that
chance would make it once in a million tries. A series that often does either is never called silent.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import groupby, pairwise

from runbooks.anomalies.values import MINUTE, Finding, Kind, Points

CHANCE = 1e-6
OFTEN = 0.5
LEAST_REPEATS = 4
LEAST_STILL = 10 * MINUTE
LEAST_GAPS = 5


def find_flat(judged: Points, *, before: Sequence[float], step: float) -> list[Finding]:
    """Return where a series that moves stands still. `before`: its values until then."""
    pairs = list(pairwise(before))
    repeats = sum(1 for one, next_one in pairs if one == next_one)
    needed = _needed(repeats, len(pairs), least=max(LEAST_REPEATS, math.ceil(LEAST_STILL / step)))
    if needed is None:
        return []
    runs = [list(run) for _, run in groupby(judged, key=lambda point: point[1])]
    last = judged[-1][0] if judged else 0.0
    return [
        Finding(
            kind=Kind.FLAT,
            started_at=run[0][0],
            ended_at=run[-1][0] + step,
            lasts=run[-1][0] == last,
            value=run[0][1],
            expected=run[0][1],
        )
        for run in runs
        if len(run) > needed
    ]


def find_missing(
    judged: Points, *, before: int, history: float, step: float, start: float, end: float
) -> list[Finding]:
    """Return where points are missing between start and end. `before`: how many there were in the history's seconds."""
    wanted = max(1, round(history / step))
    needed = _needed(max(0, wanted - before), wanted, least=LEAST_GAPS)
    if needed is None:
        return []
    times = [start - step, *(at for at, _ in judged), end]
    gaps = pairwise(times)
    return [
        Finding(kind=Kind.MISSING, started_at=one + step, ended_at=other, lasts=other == end)
        for one, other in gaps
        if other - one - step >= needed * step - step / 2
    ]


def _needed(hits: int, tries: int, *, least: int) -> int | None:
    """Return how many in a row are no chance any more, None when the series does it often or is not known."""
    if tries < least:
        return None
    chance = max(hits / tries, 1 / (tries + 1))
    if chance > OFTEN:
        return None
    return max(least, math.ceil(math.log(CHANCE) / math.log(chance)))
