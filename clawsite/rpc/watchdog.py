"""Notices that nothing is heard any more. Costs one timer, however much is heard; its clock never jumps."""

from __future__ import annotations

import asyncio
from collections.abc import Callable


class Watchdog:
    """Calls `on_silence` once when nothing was `heard` for so many seconds."""

    def __init__(self, seconds: float, on_silence: Callable[[], None]) -> None:
        self.seconds = seconds
        self._on_silence = on_silence
        self._loop = asyncio.get_running_loop()
        self.heard()
        self._timer = self._loop.call_later(seconds, self._look)

    def heard(self) -> None:
        """Take note that the other side lives."""
        self._heard_at = self._loop.time()

    def stop(self) -> None:
        """Watch no longer."""
        self._timer.cancel()

    def _look(self) -> None:
        left = self._heard_at + self.seconds - self._loop.time()
        if left > 0:
            self._timer = self._loop.call_later(left, self._look)
        else:
            self._on_silence()
