"""One run of one job, from taking it to writing down how it went. Runs in the job's own process.

Invariant: it is taken by one conditional update under a lease whose token then fences everything that is written, so
however often a job is delivered, one process at a time runs it and one end is recorded.
"""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import F, Value
from django.db.models.functions import Coalesce
from django.utils import timezone

from clawsite.core.errors import ClawError, LeaseLost, log_unknown
from clawsite.core.leases import take_lease
from clawsite.core.models import Process
from clawsite.core.process import end_process, host_name, register_process
from clawsite.core.tracing import trace
from runbooks.jobs.events import move
from runbooks.jobs.kinds import JobKind, find_kind
from runbooks.jobs.values import bound
from runbooks.jobs.working import (
    CancelledJob,
    JobContext,
    OutOfTime,
    Overtaken,
    Park,
    Signals,
    Stopping,
    patiently,
)
from runbooks.models import Job
from runbooks.outcomes import Outcome, out_of_time
from runbooks.watch import Watch

State = Job.State

ROLE = "job"
RESULT_BYTES = 1024 * 1024
# How long the outcome of work that is done waits for a database that is away. Who took the job over has fenced it off.
RECORD_SECONDS = 600.0
# How long a job has whose kind is not known here, to be failed for that.
UNKNOWN_SECONDS = 60.0


def perform(job_id: int, *, signals: Signals | None = None) -> bool:
    """Take a queued job, run it and record the outcome; False when it was not there to be taken."""
    claimed = patiently(lambda: _claim(job_id))
    if claimed is None:
        return False
    job, process_id = claimed
    session = job.session.ref if job.session else ""
    with trace("job", trace_id=job.trace_id, job=job.key, session=session, kind=job.kind):
        _perform(job, process_id, signals or Signals())
    return True


def _perform(job: Job, process_id: int, signals: Signals) -> None:
    kind = find_kind(job.kind)
    ctx = _make_context(job, kind, signals)
    watch = Watch(ctx, process_id=process_id)
    watch.start()
    try:
        outcome = _run(kind, ctx)
    finally:
        watch.stop()
    patiently(lambda: _record(job, ctx.token, process_id, outcome), seconds=RECORD_SECONDS)


def _claim(job_id: int) -> tuple[Job, int] | None:
    """Make this process a row, take the job's lease and the job, all or nothing."""
    with transaction.atomic():
        waiting = Job.objects.here().filter(pk=job_id, state=State.QUEUED, not_before__lte=timezone.now()).first()
        if waiting is None:
            return None
        if count_running() >= settings.CLAW_JOBS:
            Job.objects.filter(pk=job_id).update(sent_at=None)  # the reaper tells a worker when there is room
            return None
        process = register_process(ROLE)
        held = take_lease(waiting.lease, process_id=process.pk)
        job = None if held is None else _take(waiting, held.token)
        if job is None:
            transaction.set_rollback(True)
            return None
        return job, process.pk


def count_running() -> int:
    """Return how many processes of this machine run jobs."""
    return Process.objects.filter(host=host_name(), role=ROLE).count()


def _take(job: Job, token: int) -> Job | None:
    kind = find_kind(job.kind)
    now = timezone.now()
    deadline = now + timedelta(seconds=kind.seconds if kind else UNKNOWN_SECONDS)
    return move(
        job.pk,
        source=[State.QUEUED],
        to=State.RUNNING,
        token=token,
        attempts=F("attempts") + 1,
        started_at=Coalesce(F("started_at"), Value(now)),
        deadline=Coalesce(F("deadline"), Value(deadline)),
    )


def _make_context(job: Job, kind: JobKind | None, signals: Signals) -> JobContext:
    left = (job.deadline - timezone.now()).total_seconds() if job.deadline else UNKNOWN_SECONDS
    signals.cancelled = signals.cancelled or job.cancel_requested
    pausable = job.may_resume or (kind is not None and kind.repeatable)
    return JobContext(job=job, token=job.token, deadline=time.monotonic() + left, signals=signals, can_pause=pausable)


def _run(kind: JobKind | None, ctx: JobContext) -> Outcome | None:
    """Run the job's code and return what it came to; None when the job is not ours any more."""
    if kind is None:
        return _failed(f"This version has no kind of job named {ctx.job.kind!r}.")
    try:
        ctx.check()
        return _returned(kind.run(ctx))
    except (Overtaken, LeaseLost):
        return None
    except CancelledJob:
        return Outcome(to=State.CANCELLED, changes={})
    except OutOfTime:
        return out_of_time(cancelled=ctx.signals.cancelled)
    except Stopping:
        changes = _back(attempts=F("attempts") - 1, deadline=None)  # it is not late for the time in which nothing runs
        return Outcome(to=State.QUEUED, changes=changes, note={"reason": "stopping"})
    except ClawError as error:
        return _failed(error.message)
    except BaseException as error:  # an exit or interrupt of the job's code is the job's failure
        return _failed(f"internal error {log_unknown(error, where=f'the job {ctx.job.kind}')}")


def _failed(text: str) -> Outcome:
    return Outcome(to=State.FAILED, changes={"error": str(bound(text, 2000))[:500]})


def _back(**changes: Any) -> dict[str, Any]:
    """Return the changes that put a job back into the queue, to be run again as soon as possible."""
    return {"not_before": timezone.now(), "sent_at": None, **changes}


def _returned(value: Any) -> Outcome:
    if not isinstance(value, Park):
        return Outcome(to=State.SUCCEEDED, changes={"result": bound(value, RESULT_BYTES)})
    if value.for_approval:
        return Outcome(to=State.WAITING_APPROVAL, changes={"deadline": value.until, "attempts": 0}, then=value.then)
    note = {"until": value.until.isoformat() if value.until else None}
    changes = _back(not_before=value.until, deadline=None, attempts=0)
    return Outcome(to=State.QUEUED, changes=changes, note=note, then=value.then)


def _record(job: Job, token: int, process_id: int, outcome: Outcome | None) -> None:
    """Write the outcome and let go of everything. A pause of a job that was cancelled meanwhile is its end."""
    with transaction.atomic():
        if outcome is not None:
            moved = move(
                job.pk,
                source=[State.RUNNING],
                to=outcome.to,
                fence=token,
                note=outcome.note,
                **outcome.changes,
            )
            if moved is not None and not moved.is_over and moved.cancel_requested:
                move(job.pk, source=[outcome.to], to=State.CANCELLED, fence=token)
            elif moved is not None and outcome.then is not None:
                outcome.then()
        end_process(process_id)
