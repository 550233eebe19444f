"""What became of each step of a run: kept in its job, saved before a step begins and after it ended.

Invariant: a step's state is `started` in the database before it does anything, so after a crash it is known that it may
have happened.
"""

from __future__ import annotations

import time
from datetime import datetime
from typing import Any, Literal

from django.utils import timezone

from runbooks.jobs import JobContext

State = Literal["", "started", "waiting", "ok", "failed", "skipped"]
Part = Literal["do", "undo"]

NOTE_CHARS = 300
TAIL_LINES = 6
TAIL_CHARS = 600


class Progress:
    """The record of one run, in `job.saved`: for each step its state, tries, seconds, note and marks."""

    def __init__(self, ctx: JobContext, count: int) -> None:
        self._ctx = ctx
        kept = ctx.state.get("progress") or {}
        self.rows: dict[Part, list[dict[str, Any]]] = {
            "do": kept.get("do") or [_row() for _ in range(count)],
            "undo": kept.get("undo") or [_row() for _ in range(count)],
        }
        self.error: str = kept.get("error", "")
        self.undoing: bool = kept.get("undoing", False)
        self.tail: str = kept.get("tail", "")

    def begin(self, part: Part, number: int) -> None:
        """Write down that a step is about to be tried, before it is."""
        row = self.rows[part][number]
        if row["state"] != "waiting":
            row["tries"] += 1
        row["state"] = "started"
        row["began"] = row["began"] or timezone.now().isoformat(timespec="milliseconds")
        self.save()

    def end(self, part: Part, number: int, state: State, *, note: str = "") -> None:
        """Write down how a step went."""
        row = self.rows[part][number]
        row |= {"state": state, "note": note[:NOTE_CHARS], "seconds": _since(row["began"])}
        self.save()

    def fail(self, message: str, *, undo: bool) -> None:
        """Write down that the run has failed, and whether it is rolled back now."""
        self.error, self.undoing = message, undo
        self.save()

    def save(self) -> None:
        """Save everything, fenced by the job's lease; from here on the job may go on after a crash."""
        kept = {
            "do": self.rows["do"],
            "undo": self.rows["undo"],
            "error": self.error,
            "undoing": self.undoing,
            "tail": self.tail,
        }
        self._ctx.save(may_resume=True, progress=kept)

    def add_output(self, text: str) -> None:
        """Keep the last lines of what is said; they are saved with the next step."""
        lines = f"{self.tail}{text}".splitlines(keepends=True)[-TAIL_LINES:]
        self.tail = "".join(lines)[-TAIL_CHARS:]


def _row() -> dict[str, Any]:
    return {"state": "", "tries": 0, "began": "", "seconds": 0.0, "note": "", "marks": {}}


def _since(began: str) -> float:
    if not began:
        return 0.0
    return round(max(0.0, time.time() - datetime.fromisoformat(began).timestamp()), 1)
