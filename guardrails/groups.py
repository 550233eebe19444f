"""A bound of the kernel on the tasks of one run, for root, whom its usual one does not hold for.

A fork bomb outruns every watch on a busy machine: where control groups can be made, its processes are in one of their
own that has no more than so many, however fast they come. Where they cannot, as in most containers, which have such a
bound as a whole, the watch of guardrails.usage remains. So it does where our own group bounds memory, say: in the
second version of control groups a process is in one group only, and a run would leave that bound behind.
"""

from __future__ import annotations

import logging
import os
import secrets
import time
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Self

logger = logging.getLogger(__name__)

# Where the first and the second version of control groups are mounted.
_MOUNTS = (Path("/sys/fs/cgroup/pids"), Path("/sys/fs/cgroup"))
# Which groups we are in, and what one of the second version can bound besides tasks.
_OWN = Path("/proc/self/cgroup")
_BOUNDS = ("memory.max", "memory.high", "cpu.max", "cpuset.cpus", "io.max")
_PREFIX = "clawsite-"
# What a killed process of ours has left is removed by later ones.
_OLD_SECONDS = 3600.0
# A group can be removed a moment after its last process has died.
_LEAVE_SECONDS = 1.0


class Group:
    """A control group of at most so many tasks; one that could not be made bounds nothing, and `made` says so."""

    def __init__(self, tasks: int) -> None:
        self._place = _make(tasks) if tasks else None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._place is not None:
            _remove(self._place)

    @property
    def made(self) -> bool:
        """Whether there is one."""
        return self._place is not None

    def take(self, process: int) -> None:
        """Put a process in, with everything it will start. One that the kernel does not take is left to the watch."""
        if self._place is None:
            return
        try:
            (self._place / "cgroup.procs").write_text(str(process))
        except ProcessLookupError:
            pass  # it has ended already
        except OSError as error:
            _tell_refused(error.strerror or str(error))

    def was_full(self) -> bool:
        """Whether the kernel has refused a task."""
        if self._place is None:
            return False
        with suppress(OSError):
            return (self._place / "pids.events").read_bytes().split() != [b"max", b"0"]
        return False


@cache
def _tell_refused(why: str) -> None:
    """Say once what keeps processes out of their groups: their bound does not hold then."""
    logger.warning(
        "The kernel does not take a program into its control group: %s. Programs that start too many processes are "
        "found by looking at them, not stopped by the kernel.",
        why,
    )


def _make(tasks: int) -> Path | None:
    if os.geteuid() != 0:
        return None
    mount = next((place for place in _MOUNTS if _counts(place)), None)
    if mount is None or _bounds_us(mount):
        return None
    _sweep(mount)
    place = mount / f"{_PREFIX}{secrets.token_hex(8)}"
    try:
        place.mkdir()
        (place / "pids.max").write_text(str(tasks))
    except OSError:
        with suppress(OSError):
            place.rmdir()
        return None
    return place


def _counts(mount: Path) -> bool:
    """Whether groups made here bound tasks: those of the first version do, of the second when they are told to."""
    try:
        return "pids" in (mount / "cgroup.subtree_control").read_text().split()
    except OSError:
        return mount.name == "pids" and (mount / "cgroup.procs").exists()


def _bounds_us(mount: Path) -> bool:
    """Whether our own group, or one above it, bounds more than tasks. The first version has a tree for tasks alone."""
    if mount.name == "pids":
        return False
    place = mount / next((line[4:] for line in _OWN.read_text().splitlines() if line.startswith("0::/")), "")
    while place != mount:
        if any(_is_bound(place / name) for name in _BOUNDS):
            return True
        place = place.parent
    return False


def _is_bound(file: Path) -> bool:
    try:
        return file.read_text().split()[:1] not in ([], ["max"])
    except OSError:
        return False


def _sweep(mount: Path) -> None:
    for place in mount.glob(f"{_PREFIX}*"):
        with suppress(OSError):
            if place.stat().st_mtime < time.time() - _OLD_SECONDS:
                place.rmdir()


def _remove(place: Path) -> None:
    deadline = time.monotonic() + _LEAVE_SECONDS
    while time.monotonic() < deadline:
        with suppress(OSError):
            place.rmdir()
            return
        time.sleep(0.005)
