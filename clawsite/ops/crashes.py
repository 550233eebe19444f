"""Crash loops: the supervisor, which has no database, writes a file; whoever tells people of trouble reads it.

A role is in the file from the death on after which starting it again had not helped often enough, until it has run
for a minute. The supervisor takes the file away when it begins and when it ends.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from django.conf import settings

NAME = "crashes.json"


@dataclass(frozen=True, kw_only=True, slots=True)
class CrashLoop:
    """A role that dies again and again: how often so far, of what, and since when (seconds since the epoch)."""

    role: str
    deaths: int
    how: str
    since: float


class CrashLog:
    """The supervisor's hand on the file."""

    def __init__(self, run_dir: Path) -> None:
        self._path = run_dir / NAME
        self._loops: dict[str, CrashLoop] = {}
        self._path.unlink(missing_ok=True)

    def note(self, role: str, *, deaths: int, how: str) -> None:
        """Say that a role has died once more in a loop."""
        since = self._loops[role].since if role in self._loops else time.time()
        self._loops[role] = CrashLoop(role=role, deaths=deaths, how=how, since=since)
        self._write()

    def forgive(self, role: str) -> None:
        """Say that a role works; nothing happens when it was not in a loop."""
        if self._loops.pop(role, None) is not None:
            self._write()

    def close(self) -> None:
        """Take the file away."""
        with suppress(OSError):
            self._path.unlink(missing_ok=True)

    def _write(self) -> None:
        draft = self._path.with_suffix(".draft")
        with suppress(OSError):  # a full disk: the log has told it already
            draft.write_text(json.dumps([asdict(loop) for loop in self._loops.values()]), encoding="utf-8")
            draft.replace(self._path)


def read_crash_loops(run_dir: Path | None = None) -> list[CrashLoop]:
    """Return the roles of this machine that die again and again now; none without a supervisor."""
    try:
        rows: Iterable[dict[str, object]] = json.loads(((run_dir or settings.RUN_DIR) / NAME).read_bytes())
        return [CrashLoop(**row) for row in rows]  # type: ignore[arg-type]  # written above
    except (OSError, ValueError, TypeError):
        return []
