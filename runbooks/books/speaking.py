"""The output of steps on its way to people: without secrets, in whole lines where possible, bounded, not too often."""

from __future__ import annotations

import time
from collections.abc import Callable

from guardrails.redact import redact
from runbooks.books.progress import Part, Progress
from runbooks.jobs import JobContext

STEP_CHARS = 256 * 1024
EVENT_CHARS = 8000
PAUSE_SECONDS = 0.5
SHOW_SECONDS = 2.0


class Speaker:
    """Gathers what steps say and makes events of it; shows the run again when there is something new."""

    def __init__(self, ctx: JobContext, progress: Progress, show: Callable[[], None]) -> None:
        self._ctx, self._progress, self._show = ctx, progress, show
        self._waiting, self._said = "", 0
        self._where: tuple[Part, int] = ("do", 0)
        self._told_at = self._shown_at = time.monotonic()

    def begin(self, part: Part, number: int) -> None:
        """Say whose output comes next."""
        self.flush()
        self._where, self._said = (part, number), 0

    def say(self, text: str) -> None:
        """Take output as it comes; what is beyond the bound of a step is dropped with a word."""
        room = STEP_CHARS - self._said
        if room <= 0:
            return
        self._said += len(text)
        self._waiting += text if len(text) <= room else f"{text[:room]}\n[...]\n"
        if time.monotonic() >= self._told_at + PAUSE_SECONDS:
            cut = self._waiting.rfind("\n") + 1
            self._tell(self._waiting[:cut])
            self._waiting = self._waiting[cut:]

    def flush(self) -> None:
        """Tell what has not been told."""
        self._tell(self._waiting)
        self._waiting = ""

    def _tell(self, text: str) -> None:
        self._told_at = time.monotonic()
        clean = redact(text)
        for start in range(0, len(clean), EVENT_CHARS):
            part, number = self._where
            self._ctx.emit("output", {"part": part, "number": number + 1, "text": clean[start : start + EVENT_CHARS]})
        self._progress.add_output(clean)
        if clean and time.monotonic() >= self._shown_at + SHOW_SECONDS:
            self._shown_at = time.monotonic()
            self._progress.save()
            self._show()
