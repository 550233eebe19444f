"""A disk that fills up: a small file system of its own where that may be mounted, a limit on file sizes elsewhere."""

from __future__ import annotations

import contextlib
import errno
import resource
import subprocess
from abc import ABC, abstractmethod
from collections.abc import Iterator
from pathlib import Path

import psutil

MEGABYTES = 64
BLOCK = bytes(64 * 1024)


class Disk(ABC):
    """`path` is a directory on it."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @abstractmethod
    def fill(self, family: list[psutil.Process]) -> None:
        """Leave no byte for the processes of this family."""

    @abstractmethod
    def free(self, family: list[psutil.Process]) -> None:
        """Make room again."""


class MountedDisk(Disk):
    """A file system in memory: when it is full, writers get ENOSPC, and touching a hole of a mapped file is deadly."""

    def fill(self, family: list[psutil.Process]) -> None:
        """Write until nothing more fits."""
        with (self.path / "ballast").open("ab", buffering=0) as ballast:
            for size in (len(BLOCK), 1):
                try:
                    while ballast.write(BLOCK[:size]):
                        pass
                except OSError as error:
                    if error.errno != errno.ENOSPC:
                        raise

    def free(self, family: list[psutil.Process]) -> None:
        """Remove what was written."""
        (self.path / "ballast").unlink()


class LimitedDisk(Disk):
    """Processes that may not write a byte to any file: writers get EFBIG, which SQLite calls a disk I/O error."""

    def fill(self, family: list[psutil.Process]) -> None:
        """Set the soft limit of each process to nothing."""
        self._limit(family, 0)

    def free(self, family: list[psutil.Process]) -> None:
        """Lift it."""
        self._limit(family, resource.RLIM_INFINITY)

    def _limit(self, family: list[psutil.Process], size: int) -> None:
        for process in family:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.rlimit(psutil.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))


@contextlib.contextmanager
def open_disk(path: Path) -> Iterator[Disk]:
    """Mount a small disk; without the right to do so, return one that is small by a limit."""
    path.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={MEGABYTES}m,mode=0700", "tmpfs", str(path)]
    try:
        mounted = subprocess.run(mount, capture_output=True, timeout=10, check=False).returncode == 0
    except FileNotFoundError:
        mounted = False
    if not mounted:
        yield LimitedDisk(path)
        return
    try:
        yield MountedDisk(path)
    finally:
        subprocess.run(["umount", "--lazy", str(path)], capture_output=True, timeout=10, check=True)
