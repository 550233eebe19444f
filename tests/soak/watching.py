"""A look at every process of an installation, and at its database's files."""

from __future__ import annotations

import contextlib
import time

import psutil

from tests.faults.stack import Stack
from tests.soak.figures import Point, Samples

ROLES = ("web", "bots", "worker")


class Watch:
    """Looks when told to, and notes what it sees."""

    def __init__(self, stack: Stack, samples: Samples, *, begin: float) -> None:
        self._stack, self._samples, self._begin = stack, samples, begin
        self._wal = stack.home / "clawsite.sqlite3-wal"
        self._pids: dict[str, int] = {}

    def look(self) -> None:
        """Note memory, files and threads of every process, and the size of the WAL."""
        roles = self._stack.roles()
        self._note_restarts(roles)
        for process in self._stack.family():
            with contextlib.suppress(psutil.Error):
                self._note(roles, process)
        with contextlib.suppress(FileNotFoundError):
            self._samples.wal.append(self._wal.stat().st_size)

    def _note(self, roles: dict[int, str], process: psutil.Process) -> None:
        with process.oneshot():
            memory = process.memory_info().rss
            point = Point(time.monotonic() - self._begin, memory, process.num_fds(), process.num_threads())
            name = f"{roles.get(process.pid, 'queue')} {process.pid}"
        self._samples.processes.setdefault(name, []).append(point)

    def _note_restarts(self, roles: dict[int, str]) -> None:
        for pid, role in roles.items():
            if role in ROLES:
                self._samples.restarts += self._pids.setdefault(role, pid) != pid
                self._pids[role] = pid
