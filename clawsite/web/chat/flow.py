"""Flow control of one socket, which the server beneath does not have: how fast it may talk, how far it may lag.

Pure values; the clock is passed in.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

MAX_FRAMES = 256
MAX_BYTES = 4 * 1024 * 1024
# Beyond this the streamed text, which the next one replaces anyway, is left out.
SLOW_BYTES = 256 * 1024
SILENT_SECONDS = 30.0


@dataclass(slots=True)
class Bucket:
    """A token bucket: `rate` a second, at most `burst` at once."""

    rate: float
    burst: float
    at: float
    tokens: float = field(init=False)

    def __post_init__(self) -> None:
        self.tokens = self.burst

    def take(self, now: float) -> bool:
        """Take one token; False when there is none."""
        self.tokens = min(self.burst, self.tokens + (now - self.at) * self.rate)
        self.at = now
        if self.tokens < 1.0:
            return False
        self.tokens -= 1.0
        return True


@dataclass(slots=True)
class Window:
    """What was sent and not yet acknowledged."""

    n: int = 0
    size: int = 0
    waiting: deque[tuple[int, int, float]] = field(default_factory=deque)

    def sent(self, size: int, now: float) -> None:
        """Count the frame `n` as sent."""
        self.waiting.append((self.n, size, now))
        self.size += size

    def acked(self, n: int) -> None:
        """Forget everything up to frame `n`; a number that was never sent acknowledges what was."""
        while self.waiting and self.waiting[0][0] <= n:
            self.size -= self.waiting.popleft()[1]

    def is_slow(self) -> bool:
        """Tell whether the far end is behind enough to leave out what it does not need."""
        return self.size > SLOW_BYTES

    def is_lost(self, now: float) -> bool:
        """Tell whether the far end does not read any more."""
        if len(self.waiting) > MAX_FRAMES or self.size > MAX_BYTES:
            return True
        return bool(self.waiting) and now - self.waiting[0][2] > SILENT_SECONDS
