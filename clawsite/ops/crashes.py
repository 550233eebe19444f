"""Crash loops: the supervisor, which has no database, writes a file; whoever tells people of trouble reads it.

A role is in the file from the death on after which starting it again had not helped often enough, until it has run
for a minute. The supervisor empties the file when it begins and takes it away when it ends; what one has left that was
killed is believed for a quarter of an hour. The file has its blocks from the beginning, for a full disk is what keeps
roles from starting.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from django.conf import settings

NAME = "crashes.json"
# A block of the disk; three roles need a part of it.
_FILE_BYTES = 4096
# A role in a loop dies again, and is written down again, much sooner than this.
OLD_SECONDS = 900.0
# With less nothing can begin: a process has files of its own to make.
FULL_BYTES = 1024**2


@dataclass(frozen=True, kw_only=True, slots=True)
class CrashLoop:
    """A role that dies again and again: how often so far, of what, and since when (seconds since the epoch).

    `why` is what is wrong with this machine, as far as it shows from outside; "" when nothing does.
    """

    role: str
    deaths: int
    how: str
    since: float
    why: str = ""


class CrashLog:
    """The supervisor's hand on the file."""

    def __init__(self, run_dir: Path) -> None:
        self._path = run_dir / NAME
        self._loops: dict[str, CrashLoop] = {}
        self._write()

    def note(self, role: str, *, deaths: int, how: str) -> str:
        """Say that a role has died once more in a loop; return what is wrong with this machine, "" when nothing is."""
        since = self._loops[role].since if role in self._loops else time.time()
        why = find_full_disk(self._path.parent)
        self._loops[role] = CrashLoop(role=role, deaths=deaths, how=how, since=since, why=why)
        self._write()
        return why

    def forgive(self, role: str) -> None:
        """Say that a role works; nothing happens when it was not in a loop."""
        if self._loops.pop(role, None) is not None:
            self._write()

    def close(self) -> None:
        """Take the file away."""
        with suppress(OSError):
            self._path.unlink(missing_ok=True)

    def _write(self) -> None:
        """Write over what is there, which takes no room on most disks."""
        text = json.dumps([asdict(loop) for loop in self._loops.values()]).encode().ljust(_FILE_BYTES)
        with suppress(OSError):  # what it would say is in the log, too
            file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                os.pwrite(file, text, 0)
                os.ftruncate(file, len(text))
            finally:
                os.close(file)


def find_full_disk(folder: Path) -> str:
    """Return that the disk of a folder is full, and what to do; "" when it is not."""
    try:
        disk = os.statvfs(folder)
    except OSError:
        return ""
    if disk.f_bavail * disk.f_frsize >= FULL_BYTES and (disk.f_favail or not disk.f_files):
        return ""
    return f"The disk of {folder} is full. Make room on it."


def read_crash_loops(run_dir: Path | None = None) -> list[CrashLoop]:
    """Return the roles of this machine that die again and again now; none without a supervisor."""
    path = (run_dir or settings.RUN_DIR) / NAME
    try:
        if time.time() - path.stat().st_mtime > OLD_SECONDS:
            return []
        rows: Iterable[dict[str, object]] = json.loads(path.read_bytes())
        return [CrashLoop(**row) for row in rows]  # type: ignore[arg-type]  # written above
    except (OSError, ValueError, TypeError):
        return []
