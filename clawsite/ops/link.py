"""What ties a role to its supervisor: a pipe on which it beats, and a pipe that ends with the supervisor.

Both work without locks, threads or files, so they hold even when the database is gone or the disk is full.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from contextlib import suppress
from dataclasses import dataclass

BEAT = b"."
READY = b"R"
_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36


@dataclass(frozen=True, kw_only=True, slots=True)
class Link:
    """A role's ends of the pipes. `listen_fd` is the web role's bound socket, or None to bind its own."""

    beat_fd: int
    life_fd: int
    listen_fd: int | None = None

    def beat(self) -> None:
        """Say that the event loop moves. Never blocks: a full pipe means the supervisor does not read."""
        self._write(BEAT)

    def ready(self) -> None:
        """Say that the role does its work now."""
        self._write(READY)

    def _write(self, word: bytes) -> None:
        with suppress(OSError):
            os.write(self.beat_fd, word)


def _prctl(option: int, value: int) -> bool:
    if sys.platform != "linux":
        return False
    return bool(ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0) == 0)


def adopt_orphans() -> bool:
    """Become the parent of whatever outlives its own parent below this process. False: unsupported."""
    return _prctl(_PR_SET_CHILD_SUBREAPER, 1)


def die_with_parent(parent: int) -> None:
    """Be killed when the parent dies, at once if it already has."""
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os.kill(os.getpid(), signal.SIGKILL)
