"""Looks after a running job from a thread beside it: beats, hears of cancels, and ends by force what does not stop.

A job's time is what passes, so its row's deadline goes along when the clock is set, or the machine slept.
"""

from __future__ import annotations

import logging
import os
import signal
import threading
import time
from contextlib import suppress
from datetime import timedelta

from django.db import DatabaseError, InterfaceError, connections
from django.utils import timezone

from clawsite.core.clock import Offset
from clawsite.core.process import beat
from runbooks.jobs.events import move
from runbooks.jobs.working import JobContext
from runbooks.models import Job
from runbooks.outcomes import out_of_time

logger = logging.getLogger(__name__)

LOOK_SECONDS = 0.5
BEAT_SECONDS = 5.0
# How long a job may go on after it should have stopped.
GRACE_SECONDS = 5.0


class Watch(threading.Thread):
    """The thread. `stop` returns when it asks the database nothing any more."""

    def __init__(self, ctx: JobContext, *, process_id: int) -> None:
        super().__init__(name="claw-watch", daemon=True)
        self._ctx = ctx
        self._process_id = process_id
        self._over = threading.Event()
        self._beat_at = time.monotonic() + BEAT_SECONDS
        self._lost_at: float | None = None
        self._offset = Offset()
        self._is_moved = False

    def stop(self) -> None:
        """End the watch."""
        self._over.set()
        self.join(timeout=GRACE_SECONDS)

    def run(self) -> None:
        """Look twice a second until stopped."""
        try:
            while not self._over.wait(LOOK_SECONDS):
                try:
                    self._look()
                except (DatabaseError, InterfaceError) as error:
                    logger.warning("the watch of a job cannot read its row: %s", error)
                    with suppress(Exception):
                        connections.close_all()
                self._end_what_is_late()
        finally:
            connections.close_all()

    def _look(self) -> None:
        ctx, now = self._ctx, time.monotonic()
        ours = Job.objects.filter(pk=ctx.job.pk, token=ctx.token, state=Job.State.RUNNING)
        row = ours.values_list("cancel_requested", flat=True).first()
        alive = True
        if now >= self._beat_at:
            self._beat_at = now + BEAT_SECONDS
            alive = beat(self._process_id)
        if row is None or not alive:
            ctx.signals.overtaken = True
            self._lost_at = self._lost_at or now
        elif row:
            ctx.signals.cancelled = True
        self._follow_clock()

    def _follow_clock(self) -> None:
        """Write down anew when the job's time is over, when the clock says something else than before."""
        self._is_moved = bool(self._offset.moved()) or self._is_moved
        if self._is_moved:
            ours = Job.objects.filter(pk=self._ctx.job.pk, token=self._ctx.token, state=Job.State.RUNNING)
            ours.update(deadline=timezone.now() + timedelta(seconds=self._ctx.deadline - time.monotonic()))
            self._is_moved = False

    def _end_what_is_late(self) -> None:
        now = time.monotonic()
        if self._over.is_set():
            return
        if self._lost_at is not None and now > self._lost_at + GRACE_SECONDS:
            logger.error("the job %s was taken over and did not stop; ending its process", self._ctx.key)
            end_own_group()
        if now > self._ctx.deadline + GRACE_SECONDS:
            logger.error("the job %s did not stop in time; ending its process", self._ctx.key)
            self._record_end()
            end_own_group()

    def _record_end(self) -> None:
        """Write the end down; where that fails, the reaper does it."""
        end = out_of_time(cancelled=self._ctx.signals.cancelled)
        try:
            move(self._ctx.job.pk, source=[Job.State.RUNNING], to=end.to, fence=self._ctx.token, **end.changes)
        except (DatabaseError, InterfaceError) as failure:
            logger.warning("the end of a job was not written down: %s", failure)


def end_own_group() -> None:
    """Kill this process and what it started, if it leads a group; else the process alone."""
    if os.getpgrp() == os.getpid():
        os.killpg(0, signal.SIGKILL)
    os._exit(1)
