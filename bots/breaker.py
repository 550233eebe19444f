"""Circuit breakers in memory, for what is called often: what keeps failing is left alone, then tried with one call.

Pure state with an injected clock. closed -> (5 failures in 60 s) -> open -> (30 s) -> one probe -> closed or
open again.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

State = Literal["closed", "open", "probing"]

FAILURES = 5
WINDOW_SECONDS = 60.0
PROBE_SECONDS = 30.0
BILLING_SECONDS = 5 * 3600.0


@dataclass(kw_only=True, slots=True)
class Breaker:
    """The breaker of one target, or of one platform. `open_seconds`: other than the usual 30 s between two tries.

    `why` is what whoever opened it said of the reason, while it is open.
    """

    clock: Callable[[], float] = time.monotonic
    open_seconds: float = 0.0
    why: str = ""
    _failed: deque[float] = field(default_factory=lambda: deque(maxlen=FAILURES))
    _open_until: float = 0.0
    _tripped: bool = False
    _probe_until: float = 0.0

    @property
    def state(self) -> State:
        """Where it stands now."""
        if not self._tripped:
            return "closed"
        return "probing" if self.clock() < self._probe_until else "open"

    @property
    def wait(self) -> float:
        """Seconds until a call may be tried; 0 when it may be tried now."""
        if not self._tripped:
            return 0.0
        return max(self._open_until - self.clock(), self._probe_until - self.clock(), 0.0)

    def admit(self) -> bool:
        """Tell whether a call may be made now. An open breaker lets one probe through when its time has come.

        A probe that never reports (a cancelled turn) frees its place after 30 s.
        """
        if self.wait > 0:
            return False
        if self._tripped:
            self._probe_until = self.clock() + (self.open_seconds or PROBE_SECONDS)
        return True

    def succeed(self) -> None:
        """A call passed: everything is forgiven."""
        self._failed.clear()
        self._tripped = False
        self._open_until = self._probe_until = 0.0
        self.why = ""

    def fail(self) -> None:
        """A call failed in a way that may pass."""
        now = self.clock()
        self._failed.append(now)
        full = len(self._failed) == FAILURES and now - self._failed[0] <= WINDOW_SECONDS
        if self._tripped or full:
            self.trip(self.open_seconds or PROBE_SECONDS)

    def trip(self, seconds: float, *, why: str = "") -> None:
        """Open at once for so long: the server told us when to come back, or the account is out of money."""
        self._tripped = True
        self.why = why
        self._probe_until = 0.0
        self._open_until = max(self._open_until, self.clock() + seconds)


class Breakers:
    """The breakers of all targets of a process, by name."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._all: dict[str, Breaker] = {}

    def of(self, name: str) -> Breaker:
        """Return the breaker of a target, made on first use. Names come from the settings, so they are few."""
        if name not in self._all:
            self._all[name] = Breaker(clock=self._clock)
        return self._all[name]

    def states(self) -> dict[str, State]:
        """Return the state of every target that was ever called."""
        return {name: breaker.state for name, breaker in self._all.items()}

    def clear(self) -> None:
        """Forget everything, as a restart would."""
        self._all.clear()
