"""What the code of a job works with: its parameters, its events, its saved state, and when to stop.

`check` costs nothing, so call it in every loop: a watch in another thread looks at the row and sets the flags.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar

from django.db import InterfaceError, OperationalError

from clawsite.core.db import with_retry
from runbooks.jobs import events
from runbooks.jobs.values import bound, check_size
from runbooks.models import Job

T = TypeVar("T")

SAVED_BYTES = 256 * 1024
# How long a job waits for a database that is away before it gives up.
PATIENCE_SECONDS = 30.0
RESERVED = frozenset({events.STATE, events.END, events.CUT})


class Interrupted(BaseException):
    """Raised by `check` when a job is to stop. Not an Exception, so that code which catches those stops too."""


class CancelledJob(Interrupted):
    """Somebody asked to cancel it."""


class OutOfTime(Interrupted):
    """Its time is over."""


class Overtaken(Interrupted):
    """It is not ours any more: whatever we still did would be done twice."""


class Stopping(Interrupted):
    """The system stops; the job is put back and goes on later."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Park:
    """Returned by a job that has to wait without a process: until a time, or until an approval is decided.

    What it must know then goes into `ctx.save` before. With `for_approval`, `until` is when the waiting has failed.
    `then` is done in the transaction that parks the job, such as asking for the approval: so nothing is asked for a job
    that does not wait, and no answer comes before it does. It may be called again when that transaction fails.
    """

    until: datetime | None = None
    for_approval: bool = False
    then: Callable[[], object] | None = None

    def __post_init__(self) -> None:
        """A wait without an end and without anybody to end it would be for ever."""
        if self.until is None and not self.for_approval:
            raise ValueError("Say until when the job is to wait.")


@dataclass(kw_only=True, slots=True)
class Signals:
    """What the watch has seen. Written by its thread, read by the job's."""

    cancelled: bool = False
    overtaken: bool = False
    stopping: bool = False


@dataclass(kw_only=True)
class JobContext:
    """One run of one job. All methods are for the job's own thread."""

    job: Job
    token: int
    deadline: float
    signals: Signals = field(default_factory=Signals)
    can_pause: bool = True

    @property
    def key(self) -> str:
        """The job's public id."""
        return self.job.key

    @property
    def params(self) -> dict[str, Any]:
        """The checked parameters, with their defaults."""
        params: dict[str, Any] = self.job.params
        return params

    @property
    def state(self) -> dict[str, Any]:
        """What earlier runs of this job saved; change it through `save`."""
        saved: dict[str, Any] = self.job.saved
        return saved

    @property
    def attempt(self) -> int:
        """1 at the first try since the job began or last parked."""
        return self.job.attempts

    def seconds_left(self) -> float:
        """Return how much time there is."""
        return max(0.0, self.deadline - time.monotonic())

    def check(self) -> None:
        """Raise when the job is to stop: cancelled, overtaken, out of time, or the system stops."""
        if self.signals.overtaken:
            raise Overtaken
        if self.signals.cancelled:
            raise CancelledJob
        if time.monotonic() >= self.deadline:
            raise OutOfTime
        if self.signals.stopping and self.can_pause:
            raise Stopping

    def emit(self, kind: str, data: Any = None) -> int:
        """Add an event, committed before this returns; return its number, 0 when no more events are kept."""
        if kind in RESERVED or not 0 < len(kind) <= 64:
            raise ValueError(f"{kind!r} cannot be the kind of an event.")
        value = {} if data is None else data
        told = self._patiently(lambda: events.emit(self.job.pk, self.job.key, token=self.token, kind=kind, data=value))
        if told is None:
            self._check_ours()
            return 0
        seq, cancelled = told
        self.signals.cancelled = self.signals.cancelled or cancelled
        return seq

    def save(self, *, may_resume: bool | None = None, **values: Any) -> None:
        """Keep values for a later run of this job. `may_resume`: whether it may go on after a crash from here."""
        saved = bound({**self.job.saved, **values}, SAVED_BYTES * 2)
        check_size(saved, SAVED_BYTES, what="A job's saved values")
        resume = self.job.may_resume if may_resume is None else may_resume
        ours = Job.objects.filter(pk=self.job.pk, token=self.token, state=Job.State.RUNNING)
        if not self._patiently(lambda: ours.update(saved=saved, may_resume=resume)):
            raise Overtaken
        self.job.saved, self.job.may_resume = saved, resume

    def wait(self, seconds: float) -> None:
        """Sleep, and raise like `check` as soon as there is a reason to."""
        end = time.monotonic() + seconds
        self.check()
        while (left := end - time.monotonic()) > 0:
            time.sleep(min(left, 0.1))
            self.check()

    def _check_ours(self) -> None:
        if not Job.objects.filter(pk=self.job.pk, token=self.token, state=Job.State.RUNNING).exists():
            self.signals.overtaken = True
            raise Overtaken

    def _patiently(self, work: Callable[[], T]) -> T:
        return patiently(work, seconds=min(PATIENCE_SECONDS, self.seconds_left() + 1))


def patiently(work: Callable[[], T], *, seconds: float = PATIENCE_SECONDS) -> T:
    """Run a transaction, again and again for so long when the database is away or locked."""
    end = time.monotonic() + seconds
    while True:
        try:
            return with_retry(work)
        except (OperationalError, InterfaceError):
            if time.monotonic() >= end:
                raise
            time.sleep(0.5)
