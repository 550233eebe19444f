"""When the time of day jumps: a machine that was asleep, a clock that is set.

Rows say by the time of day when a process last beat. After a jump forward all of them seem to have been silent for its
length, until each has beaten once more; so for a while silence is counted without it. After a jump back the beats of
the dead lie in the future; `bring_back_beats` sees to it that they are not waited for.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime, timedelta

from django.conf import settings
from django.utils import timezone

from clawsite.core.models import Process

# Less is a clock that is being set right, which changes nothing.
JUMP_SECONDS = 2.0
# Every process has beaten some times within so long.
CALM_SECONDS = 15.0


class Offset:
    """The difference between the time of day and the time that passes: it changes when the clock is moved."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic, wall: Callable[[], float] = time.time) -> None:
        self._clock, self._wall = clock, wall
        self._value = wall() - clock()

    def moved(self) -> float:
        """Return by how many seconds the clock was moved since this was asked last; 0.0 when it was not."""
        value = self._wall() - self._clock()
        jump = value - self._value
        self._value = value
        return jump if abs(jump) > JUMP_SECONDS else 0.0


class Patience:
    """By how much the silence of others is to be counted less."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic, wall: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._offset = Offset(clock=clock, wall=wall)
        self._seconds = self._until = 0.0

    def seconds(self) -> float:
        """Return the length of the jumps forward of the last moments."""
        now = self._clock()
        if now >= self._until:
            self._seconds = 0.0
        jump = self._offset.moved()
        if jump > 0:
            self._seconds, self._until = self._seconds + jump, now + CALM_SECONDS
        return self._seconds


_patience = Patience()


def silent_since(now: datetime | None = None) -> datetime:
    """Return the moment since when a process must have beaten that is not to be taken for dead or frozen."""
    seconds = settings.CLAW_LEASE_SECONDS + _patience.seconds()
    return (now or timezone.now()) - timedelta(seconds=seconds)


def jumped() -> timedelta:
    """Return by how much the clock was set forward in the last moments, in which nobody is late for that."""
    return timedelta(seconds=_patience.seconds())


class Ahead:
    """Rows that beat in the future. A machine whose clock goes before ours makes such rows, too, and goes on beating.

    Were its beats dated to our time, it would take its own living processes for dead, and end their jobs.
    """

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._since: dict[tuple[int, datetime], float] = {}

    def bring_back(self) -> int:
        """Date to now what has beaten no more for the life of a lease, so that it is found out. Returns how many."""
        now, moment, life = timezone.now(), self._clock(), settings.CLAW_LEASE_SECONDS
        rows = Process.objects.filter(beat_at__gt=now + timedelta(seconds=life)).values_list("pk", "beat_at")
        self._since = {row: self._since.get(row, moment) for row in rows}
        silent = [row for row, since in self._since.items() if moment - since >= life]
        return sum(Process.objects.filter(pk=pk, beat_at=beat).update(beat_at=now) for pk, beat in silent)


_ahead = Ahead()


def bring_back_beats() -> int:
    """Find the dead among those whose last beat lies in the future. Returns how many may be."""
    return _ahead.bring_back()
