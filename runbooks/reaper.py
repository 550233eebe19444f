"""Sees to it that no job is forgotten and schedules run: every worker looks each second, and when a job's process ends.

Each piece is its own short transaction and safe to run anywhere, at any time, by several at once.
"""

from __future__ import annotations

import os
import signal
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta

from django.conf import settings
from django.db import InterfaceError, OperationalError, transaction
from django.db.models import Q, Window
from django.db.models.functions import RowNumber
from django.utils import timezone

from clawsite.core.clock import jumped, silent_since
from clawsite.core.errors import log_unknown
from clawsite.core.leases import last_sign, release_lease, take_lease
from clawsite.core.models import Lease, Process
from clawsite.core.process import host_name, is_alive, void_dead_local_processes
from runbooks.jobs.actions import wake_job
from runbooks.jobs.events import move
from runbooks.jobs.kinds import find_kind
from runbooks.models import Job
from runbooks.outcomes import out_of_time
from runbooks.rewound import mend_times
from runbooks.runner import ROLE, count_running
from runbooks.schedules import tick
from runbooks.watch import GRACE_SECONDS

State = Job.State

MAX_ATTEMPTS = 5
# A worker that was told to run a job and has not begun by then is told again.
TOLD_SECONDS = 10.0
# After a job's own watch, which ends it GRACE_SECONDS late.
FORCE_SECONDS = GRACE_SECONDS * 2
BATCH = 100
# What nobody here asks for, and what can be large; this is read every second.
LARGE = ("params", "result", "saved")
# After a time without looking, or without the database, silence of others says nothing: perhaps they could not beat.
CALM_SECONDS = 15.0
GAP_SECONDS = 5.0


class _Calm:
    """Since when this process has looked regularly and could work with the database."""

    since = last = time.monotonic()

    @classmethod
    def note(cls, *, failed: bool) -> None:
        """Count a look."""
        now = time.monotonic()
        if failed or now - cls.last > GAP_SECONDS:
            cls.since = now
        cls.last = now

    @classmethod
    def is_calm(cls) -> bool:
        """Tell whether the silence of another process means something."""
        return cls.last - cls.since >= CALM_SECONDS


def reap(process_id: int) -> None:
    """Do everything there is to do; what fails is logged and does not stop the rest."""
    _Calm.note(failed=False)
    steps: list[Callable[[], object]] = [
        mend_times,
        void_dead_local_processes,
        end_late_runners,
        lambda: take_up_left(process_id),
        end_overdue,
        tick,
        wake_due,
    ]
    for step in steps:
        try:
            step()
        except Exception as error:
            if isinstance(error, OperationalError | InterfaceError):
                _Calm.note(failed=True)  # an error of our own in one step says nothing of how others are
            log_unknown(error, where="the reaper of jobs")


def end_late_runners() -> int:
    """Kill the jobs' processes of this machine that are beyond the reach of their own watch; return how many."""
    overdue = Job.objects.here().filter(state=State.RUNNING, deadline__lt=_force_time())
    late = {job.lease for job in overdue.only("pk")[:BATCH]}
    own = Process.objects.filter(host=host_name(), role=ROLE)
    wanted = Q(leases__name__in=late) | Q(beat_at__lt=silent_since()) if _Calm.is_calm() else Q(leases__name__in=late)
    killed = 0
    for process in own.filter(wanted).distinct():
        if is_alive(process.pid, started=process.started):
            with suppress(ProcessLookupError, PermissionError):
                os.kill(process.pid, signal.SIGKILL)
                killed += 1
    return killed


def take_up_left(process_id: int) -> int:
    """Put back, or fail, the running jobs whose process is dead or frozen; return how many."""
    running = list(Job.objects.here().filter(state=State.RUNNING).order_by("pk").defer(*LARGE)[: BATCH * 10])
    leases = Lease.objects.filter(name__in=[job.lease for job in running], owner__isnull=False)
    if _Calm.is_calm():
        leases = leases.filter(owner__beat_at__gte=silent_since())
    held = set(leases.values_list("name", flat=True))
    return sum(_take_up(job, process_id) for job in running if job.lease not in held)


def _take_up(job: Job, process_id: int) -> bool:
    """Take the lease, which fences the old process off, and decide what becomes of the job."""
    with transaction.atomic():
        lived = last_sign(job.lease) or timezone.now()
        held = take_lease(job.lease, process_id=process_id)
        if held is None:
            return False
        to, changes = _fate(job, lived)
        moved = move(
            job.pk,
            source=[State.RUNNING],
            to=to,
            fence=job.token,
            note={"reason": "interrupted"},
            token=held.token,
            **changes,
        )
        release_lease(held)
    return moved is not None


def _fate(job: Job, lived: datetime) -> tuple[State, dict[str, object]]:
    """Return what becomes of a job whose process died in the middle; `lived` is when that was last known to live.

    It is not late for the time in which nothing ran, such as that without power.
    """
    kind, now = find_kind(job.kind), timezone.now()
    if job.cancel_requested:
        return State.CANCELLED, {}
    if job.deadline is not None and job.deadline <= min(now, lived + timedelta(seconds=settings.CLAW_LEASE_SECONDS)):
        outcome = out_of_time(cancelled=False)
        return outcome.to, outcome.changes
    if not job.may_resume and (kind is None or not kind.repeatable):
        return State.FAILED, {"error": "Interrupted: its process died in the middle, and it must not be run twice."}
    if job.attempts >= MAX_ATTEMPTS:
        return State.FAILED, {"error": f"Given up: its process died {job.attempts} times."}
    deadline = now + (job.deadline - lived) if job.deadline is not None else None
    return State.QUEUED, {"not_before": now, "sent_at": None, "deadline": deadline}


def end_overdue() -> int:
    """End the jobs that wait beyond their deadline, and those that run far beyond it elsewhere; return how many.

    Perhaps nothing has run here for a while: one whose process is silent is left to `take_up_left`, and one on another
    gateway at first to the dispatcher, which brings home how it ended there.
    """
    now = timezone.now()
    waiting = Q(state__in=[State.QUEUED, State.WAITING_APPROVAL], deadline__lt=now)
    running = Q(state=State.RUNNING, deadline__lt=_force_time())
    ended = 0
    for job in Job.objects.filter(waiting | running).defer(*LARGE)[:BATCH]:
        if job.state == State.RUNNING and (_is_silent(job) or (job.target and not _Calm.is_calm())):
            continue
        outcome = out_of_time(cancelled=job.cancel_requested)
        ended += move(job.pk, source=[job.state], fence=job.token, to=outcome.to, **outcome.changes) is not None
    return ended


def _is_silent(job: Job) -> bool:
    return Lease.objects.filter(name=job.lease, owner__beat_at__lt=silent_since()).exists()


def wake_due() -> int:
    """Tell workers of queued jobs that nobody was told of, or in vain, as far as there is room; return how many.

    Owners take turns, so that whoever has hundreds of jobs done holds up nobody else's: first comes who has the
    fewest at work, and of one owner's jobs what is due longest.
    """
    now = timezone.now()
    room = max(0, settings.CLAW_JOBS - count_running())
    if not room:
        return 0
    unheard = Q(sent_at=None) | Q(sent_at__lt=now - timedelta(seconds=TOLD_SECONDS))
    due = Job.objects.here().filter(unheard, state=State.QUEUED, not_before__lte=now)
    place = Window(RowNumber(), partition_by="owner", order_by=["not_before", "id"])
    first = due.annotate(place=place).filter(place__lte=room).order_by("not_before", "id").defer(*LARGE)
    turns = Counter(Job.objects.here().filter(state=State.RUNNING).order_by().values_list("owner", flat=True))
    in_turn: list[tuple[int, int, Job]] = []
    for job in first:
        turns[job.owner] += 1
        in_turn.append((turns[job.owner], len(in_turn), job))
    return sum(wake_job(job, now=now) for _, _, job in sorted(in_turn)[:room])


def _force_time() -> object:
    """Return before when a running job should have ended. After a jump its watch sets its deadline right."""
    return timezone.now() - timedelta(seconds=FORCE_SECONDS) - jumped()
