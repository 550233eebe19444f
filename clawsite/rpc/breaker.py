"""A circuit breaker: a gateway that failed often is left alone, and asked now and then whether it is well again."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from enum import StrEnum

FAILURES, WITHIN_SECONDS, PROBE_SECONDS = 5, 60.0, 30.0


class State(StrEnum):
    """closed: it is used. open: it is not. half_open: one call may try."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


class Breaker:
    """Opens after 5 failures in 60 s; lets one probe through every 30 s; closes when one goes well."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._failures: deque[float] = deque(maxlen=FAILURES)
        self._opened_at: float | None = None

    @property
    def state(self) -> State:
        """What it lets through now."""
        if self._opened_at is None:
            return State.CLOSED
        return State.HALF_OPEN if self._clock() - self._opened_at >= PROBE_SECONDS else State.OPEN

    def allow(self) -> bool:
        """Tell whether a call may be made, and count it as the probe when it is one."""
        state = self.state
        if state is State.HALF_OPEN:
            self._opened_at = self._clock()
        return state is not State.OPEN

    def succeeded(self) -> None:
        """Take note that a call went well."""
        self._failures.clear()
        self._opened_at = None

    def failed(self) -> None:
        """Take note that a call failed because of the gateway."""
        now = self._clock()
        self._failures.append(now)
        is_often = len(self._failures) == FAILURES and now - self._failures[0] <= WITHIN_SECONDS
        if self._opened_at is not None or is_often:
            self._opened_at = now
