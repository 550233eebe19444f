"""A file that is touched as long as every role works: what a probe looks at where no page can be asked.

It costs the probe no connection and no start of Django, and a supervisor that hangs itself is seen by it, too.
"""

from __future__ import annotations

import time
from contextlib import suppress
from pathlib import Path

NAME = "alive"
# Much less than docker/healthcheck lets it be old.
EVERY_SECONDS = 5.0


class Life:
    """The sign of one supervisor, in its folder of what lives as long as the processes."""

    def __init__(self, run_dir: Path) -> None:
        self._file = run_dir / NAME
        self._due = 0.0

    def show(self) -> None:
        """Touch the file, if that was not done a moment ago."""
        now = time.monotonic()
        if now < self._due:
            return
        self._due = now + EVERY_SECONDS
        with suppress(OSError):  # a full disk: whoever probes decides
            self._file.touch(mode=0o600)
