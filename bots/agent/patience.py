"""Noticing that a model keeps us waiting, long before its call is given up: people are told, and it is waited for."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

SLOW_SECONDS = 40.0


class Patience:
    """Calls `tell` once when nothing was heard for SLOW_SECONDS. On the running event loop; `close` it in the end.

    Hearing something is noting the time, because moving a timer for every word costs more than the word.
    """

    def __init__(self, tell: Callable[[], None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._tell = tell
        self._heard_at = self._loop.time()
        self._timer = self._loop.call_later(SLOW_SECONDS, self._look)

    def hear(self) -> None:
        """Something came."""
        self._heard_at = self._loop.time()

    def close(self) -> None:
        """Look no more."""
        self._timer.cancel()

    def _look(self) -> None:
        until = self._heard_at + SLOW_SECONDS
        if until > self._loop.time():
            self._timer = self._loop.call_at(until, self._look)
        else:
            self._tell()
