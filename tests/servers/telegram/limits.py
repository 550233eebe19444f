"""Flood limits as Telegram enforces them: per chat, per group and over all chats; off unless asked for.

Invariant: a refused call takes nothing from any bucket.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, field

from tests.servers.telegram.errors import ApiError
from tests.servers.telegram.world import Chat


@dataclass(slots=True, kw_only=True)
class Bucket:
    """`size` calls at once, refilled at `rate` per second."""

    rate: float
    size: float
    level: float = -1.0
    at: float = 0.0

    def wait(self, now: float) -> float:
        """Seconds until a call fits, 0 when it fits now."""
        full = self.size if self.level < 0 else self.level + (now - self.at) * self.rate
        self.level, self.at = min(self.size, full), now
        return max(0.0, (1.0 - self.level) / self.rate)


@dataclass(slots=True, kw_only=True)
class FloodLimits:
    """Rates of one bot. The burst of a chat is what Telegram tolerates for a moment."""

    enabled: bool = False
    chat_rate: float = 1.0
    chat_burst: float = 3.0
    group_per_minute: float = 20.0
    global_rate: float = 30.0
    refused: int = 0
    _chats: dict[int, list[Bucket]] = field(default_factory=dict)
    _all: Bucket | None = None

    def check(self, chat: Chat) -> None:
        """Count a call to this chat; raises 429 with whole seconds when it is too many."""
        now = time.monotonic()
        buckets = [*self._buckets(chat), self._global()]
        wait = max(bucket.wait(now) for bucket in buckets)
        if wait > 0:
            self.refused += 1
            seconds = math.ceil(wait)
            raise ApiError(429, f"Too Many Requests: retry after {seconds}", retry_after=seconds)
        for bucket in buckets:
            bucket.level -= 1.0

    def _buckets(self, chat: Chat) -> list[Bucket]:
        if chat.id not in self._chats:
            own = [Bucket(rate=self.chat_rate, size=self.chat_burst)]
            if chat.type != "private":
                own.append(Bucket(rate=self.group_per_minute / 60, size=self.group_per_minute))
            self._chats[chat.id] = own
        return self._chats[chat.id]

    def _global(self) -> Bucket:
        if self._all is None:
            self._all = Bucket(rate=self.global_rate, size=self.global_rate)
        return self._all
