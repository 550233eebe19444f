"""Locks of files, which the kernel frees with the process that holds them."""

from __future__ import annotations

import fcntl
import time
from collections.abc import Callable

from clawsite.core.errors import Unavailable

PAUSE_SECONDS = 0.01


def wait_for_lock(descriptor: int, *, seconds: float, taken: str, check: Callable[[], None] | None = None) -> None:
    """Take the lock of an open file; Unavailable with the text `taken` when others keep it for so long.

    `check` is called again and again while others keep it, and raises when nobody wants it any more.
    """
    deadline = time.monotonic() + seconds
    while not try_lock(descriptor):
        if time.monotonic() >= deadline:
            raise Unavailable(taken)
        if check is not None:
            check()
        time.sleep(PAUSE_SECONDS)


def try_lock(descriptor: int) -> bool:
    """Take the lock of an open file or folder; False when others hold it. Forked processes hold it, too."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def try_own(descriptor: int) -> bool:
    """Take a lock of an open file that is of this process alone, not of what it forks; False when others hold it."""
    try:
        fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
