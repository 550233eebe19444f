"""Notices that nothing is heard any more. Costs one timer, however much is heard; its clock never jumps.

A loop that stood still itself, in a process that was stopped or had no processor, blames nobody: what has arrived
meanwhile is heard first.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

# From the arrival of bytes to `heard` it takes some turns of the loop, in each of which a timer may come first.
TURNS = 10


class Watchdog:
    """Calls `on_silence` once when nothing was `heard` for so many seconds."""

    def __init__(self, seconds: float, on_silence: Callable[[], None]) -> None:
        self.seconds = seconds
        self._on_silence = on_silence
        self._loop = asyncio.get_running_loop()
        self.heard()
        self._timer: asyncio.Handle = self._loop.call_later(seconds, self._look, TURNS)

    def heard(self) -> None:
        """Take note that the other side lives."""
        self._heard_at = self._loop.time()

    def stop(self) -> None:
        """Watch no longer."""
        self._timer.cancel()

    def _look(self, turns: int) -> None:
        left = self._heard_at + self.seconds - self._loop.time()
        if left > 0:
            self._timer = self._loop.call_later(left, self._look, TURNS)
        elif turns:
            self._timer = self._loop.call_soon(self._look, turns - 1)
        else:
            self._on_silence()
