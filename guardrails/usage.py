"""What the processes of one run use together, looked at while they run.

No limit of the kernel counts for one run on every machine: its limit on processes counts all of a user and does not
hold for root, control groups (guardrails.groups) are not ours to make everywhere, quotas of disks are seldom there. So
a watch looks at the tree of processes many times a second and says what is beyond its bounds. What a run may overshoot
until then is small on a machine with time to look: some hundred processes, what memory can be filled in a few
hundredths of a second.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from guardrails.groups import Group

INTERVAL = 0.02
# Whatever else is allowed: a run stops before it takes this much from a disk's last free space.
RESERVE_BYTES = 256 * 1024**2
FILES = 100_000
_PAGE = os.sysconf("SC_PAGE_SIZE")
_WRITTEN = re.compile(rb"^(cancelled_)?write_bytes: (\d+)$", re.MULTILINE)
_PSS = re.compile(rb"^Pss:\s+(\d+) kB$", re.MULTILINE)

Excess = Literal["", "tasks", "memory", "disk"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Bounds:
    """What a run may use as a whole; 0 stands for no bound. `tasks` are its processes and threads."""

    tasks: int = 0
    memory_bytes: int = 0
    disk_bytes: int = 0


UNBOUNDED = Bounds()


class Watch:
    """Looks at the tree below one process and remembers how the disks were at its begin."""

    def __init__(self, bounds: Bounds, folders: Sequence[Path], group: Group) -> None:
        self._bounds = bounds
        self._group = group
        self._disks = [_Disk(folder, bounds.disk_bytes) for folder in folders] if bounds.disk_bytes else []
        self._due = 0.0

    def look(self, root: int) -> Excess:
        """Return what is beyond its bound, looking at most every INTERVAL seconds."""
        if self._bounds == UNBOUNDED or time.monotonic() < self._due:
            return ""
        excess: Excess = "tasks" if self._group.was_full() else self._look(root)
        self._due = time.monotonic() + INTERVAL
        return excess

    def _look(self, root: int) -> Excess:
        most = self._bounds.tasks or 1 << 22
        tasks, processes = count_tasks(root, most)
        if tasks > most:
            return "tasks"
        if self._bounds.memory_bytes and _is_beyond_memory(processes, self._bounds.memory_bytes):
            return "memory"
        if self._bounds.disk_bytes and sum(_written(each) for each in processes) > self._bounds.disk_bytes:
            return "disk"
        return "disk" if any(disk.is_beyond() for disk in self._disks) else ""


class _Disk:
    """Room on the file system of one folder. What is allocated or made without being written shows here only."""

    def __init__(self, folder: Path, most: int) -> None:
        self._folder, self._most = folder, most
        self._since = time.time()
        self._room, self._names = self._free()
        self._low = self._room < RESERVE_BYTES

    def _free(self) -> tuple[int, int]:
        status = os.statvfs(self._folder)
        return status.f_bavail * status.f_frsize, status.f_favail

    def is_beyond(self) -> bool:
        """Compare the free space with what it was; who took it is found out only when there is a reason to ask."""
        room, names = self._free()
        if room < RESERVE_BYTES and not self._low:
            return True
        if self._room - room <= self._most and self._names - names <= FILES:
            return False
        self._room, self._names = room, names
        return self._is_ours()

    def _is_ours(self) -> bool:
        size = 0
        for count, entry in enumerate(_changed(self._folder, self._since), start=1):
            size += entry.st_blocks * 512
            if size > self._most or count > FILES:
                return True
        return False


def _changed(folder: Path, since: float) -> Iterator[os.stat_result]:
    for directory, _, names in os.walk(folder):
        for name in names:
            with suppress(OSError):
                status = os.lstat(os.path.join(directory, name))
                if status.st_ctime >= since - 1:
                    yield status


def count_tasks(root: int, most: int) -> tuple[int, list[int]]:
    """Return how many tasks the tree below a process has, and its processes; stops counting beyond `most`."""
    found, open_ = [], [root]
    tasks = 0
    while open_ and tasks + len(open_) <= most:
        process = open_.pop()
        threads = _names(f"/proc/{process}/task")
        tasks += len(threads)
        found.append(process)
        for thread in threads:
            open_ += map(int, _read(f"/proc/{process}/task/{thread}/children").split())
    return tasks + len(open_), found


def _names(path: str) -> list[str]:
    try:
        return os.listdir(path)
    except OSError:
        return []


def _read(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError:
        return b""


def _is_beyond_memory(processes: Sequence[int], most: int) -> bool:
    """Count pages that forked processes share once each at first, and exactly only when that is too much."""
    if sum(_private(each) for each in processes) <= most:
        return False
    return (
        sum(int(kib) for each in processes for kib in _PSS.findall(_read(f"/proc/{each}/smaps_rollup"))) * 1024 > most
    )


def _private(process: int) -> int:
    fields = _read(f"/proc/{process}/statm").split()
    return (int(fields[1]) - int(fields[2])) * _PAGE if len(fields) > 2 else 0


def _written(process: int) -> int:
    """Return what a process and those children that it has waited for have written to disks."""
    counts = _WRITTEN.findall(_read(f"/proc/{process}/io"))
    return sum(-int(count) if cancelled else int(count) for cancelled, count in counts)
