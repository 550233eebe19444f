"""Checks of the machine and of the processes on it: room, memory, clock, roles that are missing or start again."""

from __future__ import annotations

import shutil
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

import psutil
from django.conf import settings

from clawsite.core.clock import Offset
from clawsite.core.models import Process
from clawsite.models import Minute
from clawsite.ops.crashes import read_crash_loops
from clawsite.ops.selfalerts.findings import CRITICAL, WARNING, Finding

MEBIBYTE = 1024 * 1024
# Less than this part and less than so many bytes of the disk is free.
DISK_LOW, DISK_LOW_BYTES = 0.10, 5 * 1024 * MEBIBYTE
DISK_FULL, DISK_FULL_BYTES = 0.02, 500 * MEBIBYTE
MEMORY_LOW = 0.05
ROLES = ("web", "bots", "worker")
ALIVE = timedelta(seconds=30)
# So many starts within so long are no deploys any more.
ANEW_STARTS, ANEW_WINDOW, ANEW_LOOK_SECONDS = 6, timedelta(hours=2), 60.0
JUMP_SECONDS, JUMP_SHOWN_SECONDS = 30.0, 600.0


def find_disk(now: datetime) -> Iterator[Finding]:
    """Find a state directory that fills up."""
    disk = shutil.disk_usage(settings.CLAW_HOME)
    data = {"free": disk.free, "percent": round(100 * disk.free / disk.total, 1)}
    if disk.free < min(disk.total * DISK_FULL, DISK_FULL_BYTES):
        yield Finding(check="disk", severity=CRITICAL, data=data)
    elif disk.free < min(disk.total * DISK_LOW, DISK_LOW_BYTES):
        yield Finding(check="disk", severity=WARNING, data=data)


def find_memory(now: datetime) -> Iterator[Finding]:
    """Find a machine that is about to run out of memory."""
    memory = psutil.virtual_memory()
    if memory.available < memory.total * MEMORY_LOW:
        percent = round(100 * memory.available / memory.total, 1)
        yield Finding(check="memory", severity=CRITICAL, data={"free": memory.available, "percent": percent})


def find_roles(now: datetime) -> Iterator[Finding]:
    """Find roles of which no process beats."""
    alive = set(Process.objects.filter(beat_at__gt=now - ALIVE, role__in=ROLES).values_list("role", flat=True))
    for role in ROLES:
        if role not in alive:
            yield Finding(check="role", subject=role, severity=CRITICAL)


def find_crash_loops(now: datetime) -> Iterator[Finding]:
    """Find roles of this machine that die again and again."""
    for loop in read_crash_loops():
        data = {"deaths": loop.deaths, "how": loop.how}
        yield Finding(check="crashes", subject=loop.role, severity=CRITICAL, data=data)


class Anew:
    """Finds roles of a machine that begin anew again and again, although each time they work for some minutes.

    One that needs too much memory, or in which something stands still, ends by itself in good order: no crash loop.
    """

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._looked_at = float("-inf")
        self._found: list[Finding] = []

    def find(self, now: datetime) -> Iterator[Finding]:
        """Look once a minute, because that is how often starts are written down."""
        if self._clock() - self._looked_at >= ANEW_LOOK_SECONDS:
            self._looked_at = self._clock()
            self._found = list(_find_anew(now))
        yield from self._found


def _find_anew(now: datetime) -> Iterator[Finding]:
    starts: Counter[str] = Counter()
    for data in Minute.objects.filter(at__gte=now - ANEW_WINDOW).values_list("data", flat=True):
        starts.update(data.get("starts", {}))
    for subject, count in starts.items():
        if count >= ANEW_STARTS:
            role, _space, host = subject.partition(" ")
            yield Finding(check="anew", subject=subject, data={"role": role, "host": host, "starts": count})


class ClockJumps:
    """Finds a clock that was moved: the time of day and the time that passed say different things."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic, wall: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._offset = Offset(clock=clock, wall=wall)
        self._shown_until = 0.0
        self._jump = 0.0

    def find(self, now: datetime) -> Iterator[Finding]:
        """Tell of a jump for ten minutes."""
        jump = self._offset.moved()
        if abs(jump) > JUMP_SECONDS:
            self._jump, self._shown_until = jump, self._clock() + JUMP_SHOWN_SECONDS
        if self._clock() < self._shown_until:
            yield Finding(check="clock", data={"seconds": round(self._jump)})
