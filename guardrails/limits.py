"""Sliding windows on how often somebody may do something: in this process's memory, or in Redis for all processes.

Refused attempts are not counted, so somebody who keeps trying is let in as soon as the window has moved on. Memory
holds MAX_KEYS windows; the one unused for longest goes first. When Redis is away, memory answers in its place.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib import import_module

from django.conf import settings
from limits import RateLimitItemPerSecond
from limits.errors import StorageError
from limits.storage import MovingWindowSupport, RedisStorage, Storage
from limits.strategies import MovingWindowRateLimiter

from guardrails.types import Action, Policy, Stage, Verdict

logger = logging.getLogger(__name__)

MAX_KEYS = 10_000
REDIS_SECONDS = 1.0
# A Redis that hangs must not cost every message a second.
REDIS_REST_SECONDS = 5.0


@dataclass(frozen=True, kw_only=True, slots=True)
class RateAnswer:
    """Whether it may happen now; if not, whether to say so (once per window), and in how many seconds to come back."""

    allowed: bool
    notice: bool = False
    retry_after: float = 0.0

    @property
    def verdict(self) -> Verdict:
        """The same as a guard's answer, for the record."""
        action = Action.ALLOW if self.allowed else Action.BLOCK
        return Verdict(action=action, stage=Stage.INPUT, rule="rate.user")


class BoundedMemoryStorage(Storage, MovingWindowSupport):
    """Windows of this process as times of hits. No threads, at most `max_keys` windows.

    The library's own memory storage starts a timer thread that walks all keys after every hit, and never forgets by
    number.
    """

    STORAGE_SCHEME = None

    def __init__(self, *, max_keys: int = MAX_KEYS, clock: Callable[[], float] = time.time) -> None:
        super().__init__()
        self._max_keys = max_keys
        self._clock = clock
        self._lock = threading.Lock()
        self._hits: OrderedDict[str, deque[float]] = OrderedDict()

    @property
    def base_exceptions(self) -> type[Exception]:
        """What the library may wrap; nothing here fails."""
        return ValueError

    def acquire_entry(self, key: str, limit: int, expiry: int, amount: int = 1) -> bool:
        """Count `amount` hits unless more than `limit` would then lie within the last `expiry` seconds."""
        now = self._clock()
        with self._lock:
            hits = self._hits.setdefault(key, deque())
            self._hits.move_to_end(key)
            while hits and hits[0] <= now - expiry:
                hits.popleft()
            fits = len(hits) + amount <= limit
            if fits:
                hits.extend([now] * amount)
            while len(self._hits) > self._max_keys:
                self._hits.popitem(last=False)
        return fits

    def get_moving_window(self, key: str, limit: int, expiry: int) -> tuple[float, int]:
        """Return when the window's first hit was (now, if there is none) and how many it holds."""
        now = self._clock()
        with self._lock:
            hits = [hit for hit in self._hits.get(key, ()) if hit > now - expiry]
        return (hits[0] if hits else now), len(hits)

    def incr(self, key: str, expiry: float, amount: int = 1) -> int:
        """Fixed windows are not kept here."""
        raise NotImplementedError("This storage keeps moving windows only.")

    def get(self, key: str) -> int:
        """Return how many hits are held for a window."""
        with self._lock:
            return len(self._hits.get(key, ()))

    def get_expiry(self, key: str) -> float:
        """Return when the newest hit was; its window's length is not known here."""
        with self._lock:
            hits = self._hits.get(key)
            return hits[-1] if hits else self._clock()

    def check(self) -> bool:
        """Memory is always there."""
        return True

    def reset(self) -> int:
        """Forget all windows; return how many there were."""
        with self._lock:
            count = len(self._hits)
            self._hits.clear()
        return count

    def clear(self, key: str) -> None:
        """Forget one window."""
        with self._lock:
            self._hits.pop(key, None)


_memory = BoundedMemoryStorage()
_redis_rests_until = 0.0


@cache
def _redis(url: str) -> RedisStorage:
    # The library reads the version of a module that another thread may be in the middle of importing; this waits.
    import_module("redis")
    return RedisStorage(
        url,
        key_prefix="claw:limits",
        wrap_exceptions=True,
        socket_timeout=REDIS_SECONDS,
        socket_connect_timeout=REDIS_SECONDS,
    )


def check_limit(key: str, *, limit: int, seconds: int) -> RateAnswer:
    """Count one use of `key`, unless it has been used `limit` times in the last `seconds`."""
    global _redis_rests_until
    if settings.REDIS_URL and time.monotonic() >= _redis_rests_until:
        try:
            return _ask(MovingWindowRateLimiter(_redis(settings.REDIS_URL)), key, limit, seconds)
        except StorageError:
            _redis_rests_until = time.monotonic() + REDIS_REST_SECONDS
            logger.warning("Redis does not answer; limits count in this process until it does")
    return _ask(MovingWindowRateLimiter(_memory), key, limit, seconds)


def _ask(limiter: MovingWindowRateLimiter, key: str, limit: int, seconds: int) -> RateAnswer:
    window = RateLimitItemPerSecond(limit, seconds)
    if limiter.hit(window, key):
        return RateAnswer(allowed=True)
    retry_after = limiter.get_window_stats(window, key).reset_time - time.time()
    notice = limiter.hit(RateLimitItemPerSecond(1, seconds), "notice", key)
    return RateAnswer(allowed=False, notice=notice, retry_after=min(max(retry_after, 0.1), float(seconds)))


def check_rate(subject: str, *, policy: Policy) -> RateAnswer:
    """Count one message of a person (such as `contact:7`) against the window of the policy."""
    return check_limit(f"user:{subject}", limit=policy.rate, seconds=policy.rate_seconds)


def reset_limits() -> int:
    """Forget the windows of this process, and that Redis was away; return how many windows there were."""
    global _redis_rests_until
    _redis_rests_until = 0.0
    return _memory.reset()
