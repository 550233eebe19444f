"""A time of day that jumps, for processes that have TESTS_CLOCK and PYTHONPATH as a `FakeClock` and CLOCK_PATH say.

libfaketime would do it without the processes' help, but breaks their sleeping, which Python does until a moment of the
clock that only counts what passes. That one is left alone here, as it is when a real clock is set.
"""

from __future__ import annotations

import os
import struct
from pathlib import Path

CLOCK_PATH = str(Path(__file__).parent)


class FakeClock:
    """How far the clock of the processes goes before the real one."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "clock"
        self._file.write_bytes(bytes(struct.calcsize("d")))
        self.name = str(self._file)

    def set(self, seconds: float) -> None:
        """Move the clock of all of them at once."""
        with self._file.open("r+b", buffering=0) as file:
            os.pwrite(file.fileno(), struct.pack("d", seconds), 0)
