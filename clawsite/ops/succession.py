"""Between two supervisors: what a killed one has left works on while the next one is on its way, and not without it.

A supervisor needs seconds to load what its roles share. It says that it is coming by a lock, which the kernel frees
with it, and ends that when it can take over. Imports nothing of Django: it is the first thing that `up` does.
"""

from __future__ import annotations

import fcntl
import os
import threading
import time
from pathlib import Path

LOOK_SECONDS = 0.1
# So long without a sign of a next supervisor is the end.
ALONE_SECONDS = 3.0

_announced: list[int] = []


def announce(run_dir: Path) -> None:
    """Say that this process is going to supervise, until `end_announcement` or its end."""
    run_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle = _open(run_dir)
    fcntl.flock(handle, fcntl.LOCK_SH)
    _announced.append(handle)


def end_announcement() -> None:
    """Say it no longer: it takes over now, and nobody is to wait for it. Before anything is forked."""
    while _announced:
        os.close(_announced.pop())


def wait_for_successor(run_dir: Path, *, stopping: threading.Event) -> None:
    """Return when an orphan is to stop: it was told to, or nobody has been on the way for a while."""
    deadline = time.monotonic() + ALONE_SECONDS
    while not stopping.wait(LOOK_SECONDS):
        # Whoever stood still meanwhile looks before giving up: it may have come just then.
        if _is_somebody_coming(run_dir):
            deadline = time.monotonic() + ALONE_SECONDS
        elif time.monotonic() >= deadline:
            return


def _is_somebody_coming(run_dir: Path) -> bool:
    try:
        handle = _open(run_dir)
    except OSError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    else:
        return False
    finally:
        os.close(handle)


def _open(run_dir: Path) -> int:
    return os.open(run_dir / "supervisor.next", os.O_RDWR | os.O_CREAT, 0o600)
