"""Waiting for the lock of a file, which the kernel frees with the process that holds it."""

from __future__ import annotations

import fcntl
import time

from clawsite.core.errors import Unavailable

PAUSE_SECONDS = 0.01


def wait_for_lock(descriptor: int, *, seconds: float, taken: str) -> None:
    """Take the lock of an open file; Unavailable with the text `taken` when others keep it for so long."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            return fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= deadline:
                raise Unavailable(taken) from None
            time.sleep(PAUSE_SECONDS)
