"""How fast one client may ask. Over the rate it is refused and at last closed; one that goes on asking although it was
told that we are busy is not heard for a moment, so that refusals do not take the time of those who are answered.
"""

from __future__ import annotations

import time

from clawsite.web.chat.flow import Bucket

# Requests over the rate within a few seconds before that is taken for abuse.
MOST_OVER_RATE = 1000
# Requests refused within a second, because too much is open, before no more are read in it.
MOST_REFUSED = 1000


class Pace:
    """The pace of one connection."""

    __slots__ = ("_bucket", "_over_rate", "_refused")

    def __init__(self, rate: int) -> None:
        self._bucket = Bucket(rate, rate * 2.0, time.monotonic())
        self._over_rate = self._refused = 0

    def take(self) -> bool:
        """Count a request; False when it is over the rate."""
        if self._bucket.take(time.monotonic()):
            return True
        self._over_rate += 1
        return False

    @property
    def is_abuse(self) -> bool:
        """Whether the client asked on and on over the rate."""
        return self._over_rate > MOST_OVER_RATE

    def refuse(self) -> None:
        """Count a request that was refused because too much is open."""
        self._refused += 1

    @property
    def is_held(self) -> bool:
        """Whether the client is not heard until the next look."""
        return self._refused > MOST_REFUSED

    def look(self) -> None:
        """Begin another second."""
        self._over_rate //= 2
        self._refused = 0
