"""What becomes of a row that fails when its time has come: it moves back behind the others, a bit longer each time.

After a bound it is given up, and whoever looks at its group reads that. Pure: who fails keeps its own count.
"""

from __future__ import annotations

from datetime import timedelta

# 10 s at first, twice as long each time, ten minutes at most: given up after some twenty minutes.
FIRST, LONGEST = timedelta(seconds=10), timedelta(minutes=10)
MOST_FAILURES = 8


def wait_after(failures: int) -> timedelta | None:
    """Return how long a row waits that has failed so often by now; None when it is given up."""
    if failures >= MOST_FAILURES:
        return None
    return min(FIRST * (1 << failures - 1), LONGEST)
