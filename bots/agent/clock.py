"""The end of a run from outside: its deadline, and somebody who says stop.

Both act at any await, so that a silent model or a slow tool delays neither. Whoever asks is looked at four
times a second, and at every piece of text.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from types import TracebackType
from typing import Self

LOOK_SECONDS = 0.25


class Stopped(Exception):
    """The run is to end now; `by` is "cancelled" or "time"."""

    def __init__(self, by: str) -> None:
        super().__init__(by)
        self.by = by


class TurnClock:
    """`async with TurnClock(seconds, cancelled=...)`: raises Stopped inside the block when it is over."""

    def __init__(self, seconds: float, *, cancelled: Callable[[], bool]) -> None:
        self._seconds = seconds
        self._cancelled = cancelled
        self._hit = False

    async def __aenter__(self) -> Self:
        self._loop = asyncio.get_running_loop()
        self._timeout = asyncio.timeout(self._seconds)
        await self._timeout.__aenter__()
        self._timer = self._loop.call_later(LOOK_SECONDS, self._look)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._timer.cancel()
        try:
            await self._timeout.__aexit__(kind, error, trace)
        except TimeoutError:
            if self._timeout.expired():
                raise Stopped("cancelled" if self._hit else "time") from None
            raise

    def check(self) -> None:
        """Raise Stopped if somebody said stop."""
        if self._cancelled():
            self._hit = True
            raise Stopped("cancelled")

    def _look(self) -> None:
        if self._timeout.expired():
            return
        if self._cancelled():
            self._hit = True
            self._timeout.reschedule(self._loop.time())
        else:
            self._timer = self._loop.call_later(LOOK_SECONDS, self._look)
