"""Growing waits with full jitter, so that a thousand clients of a gateway that restarts do not return together."""

from __future__ import annotations

import random

FIRST, MOST = 0.2, 30.0


class Backoff:
    """The waits between attempts: each is drawn from 0 to a bound that doubles."""

    def __init__(self, *, first: float = FIRST, most: float = MOST) -> None:
        self._first = first
        self._most = most
        self._attempt = 0

    def next(self) -> float:
        """Return how long to wait now."""
        bound = min(self._most, self._first * 2.0 ** min(self._attempt, 30))
        self._attempt += 1
        return random.uniform(0.0, bound)  # noqa: S311 - no secret depends on it

    def reset(self) -> None:
        """Begin again: it went well."""
        self._attempt = 0


def spread(seconds: float) -> float:
    """Return a wait somewhat longer than what was asked for, so that not all come back at once."""
    return seconds * random.uniform(1.0, 1.5)  # noqa: S311 - no secret depends on it
