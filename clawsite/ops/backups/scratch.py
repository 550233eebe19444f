"""Scratch folders, where a backup lies in clear while it is made, checked or restored.

Each is locked as long as it is used. What nobody has locked was left by a process that was killed: whoever makes the
next backup, restores one or starts clawsite removes it.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from clawsite.core.filelocks import try_lock

PREFIX = ".scratch-"


@contextmanager
def scratch_folder(parent: Path) -> Iterator[Path]:
    """Yield an empty folder for the service alone; it is gone afterwards."""
    parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = Path(tempfile.mkdtemp(prefix=PREFIX, dir=parent))
    lock = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        try_lock(lock)
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)
        os.close(lock)


def clear_scratch(parent: Path) -> None:
    """Remove what killed processes have left there. In a folder that cannot be looked into they left nothing."""
    try:
        left = list(parent.glob(f"{PREFIX}*"))
    except OSError:
        return
    for path in left:
        with suppress(OSError):  # gone meanwhile
            lock = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
            try:
                if try_lock(lock):
                    shutil.rmtree(path, ignore_errors=True)
            finally:
                os.close(lock)
