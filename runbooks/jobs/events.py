"""Writing down what happens in a job: every change of state and every event is numbered by its job's row.

Invariant: the number and the event are one transaction, and the row stays locked to its end, so a reader who has seen
number n has seen all before it. `fence` is the token: who was overtaken changes nothing.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import F
from django.utils import timezone

from clawsite.core.metrics import JOB_SECONDS, JOBS
from clawsite.core.nudge import nudge_on_commit
from clawsite.core.sql import fetch
from runbooks.jobs.endings import tell_end
from runbooks.jobs.values import bound, size_of
from runbooks.models import Job, JobEvent
from runbooks.models.job import ENDS

EVENT_BYTES = 64 * 1024
# Kinds that only the system writes.
STATE, END, CUT = "state", "end", "cut"

_NUMBER = """
UPDATE runbooks_job SET last_seq = last_seq + 1, event_bytes = event_bytes + %s
WHERE id = %s AND token = %s AND state = 'running' AND last_seq < %s AND event_bytes < %s
RETURNING last_seq, cancel_requested, event_bytes
"""


def move(
    job_id: int,
    *,
    source: Collection[str],
    to: str,
    fence: int | None = None,
    note: dict[str, Any] | None = None,
    **changes: Any,
) -> Job | None:
    """Move a job to a state, once, with its event; None when it is in none of the states (or we were overtaken)."""
    if to in ENDS:
        changes |= {"ended_at": timezone.now(), "deadline": None}
    found = Job.objects.filter(pk=job_id, state__in=list(source))
    if fence is not None:
        found = found.filter(token=fence)
    with transaction.atomic():
        if not found.update(state=to, last_seq=F("last_seq") + 1, **changes):
            return None
        job = Job.objects.get(pk=job_id)
        data: dict[str, Any] = {"state": str(to)} | (note or {})
        if to == Job.State.RUNNING:
            data["attempt"] = job.attempts
        if to in ENDS and job.error:
            data["error"] = job.error
        _write(job, END if to in ENDS else STATE, data)
        if to in ENDS:
            transaction.on_commit(lambda: _count(job), robust=True)
            tell_end(job)
    return job


def add_event(job_id: int, kind: str, data: dict[str, Any]) -> Job:
    """Add an event about a job from outside its run, such as a request to cancel."""
    with transaction.atomic():
        Job.objects.filter(pk=job_id).update(last_seq=F("last_seq") + 1)
        job = Job.objects.get(pk=job_id)
        _write(job, kind, data)
    return job


def emit(job_id: int, key: str, *, token: int, kind: str, data: Any) -> tuple[int, bool] | None:
    """Add an event of a running job; return its number and whether to cancel. None: overtaken, or the cap is reached.

    The last event under CLAW_JOB_EVENTS and CLAW_JOB_EVENT_BYTES says that no more are kept.
    """
    value = bound(data, EVENT_BYTES)
    most, most_bytes = settings.CLAW_JOB_EVENTS, settings.CLAW_JOB_EVENT_BYTES
    with transaction.atomic():
        rows = fetch(_NUMBER, size_of(value), job_id, token, most, most_bytes)
        if not rows:
            return None
        seq, cancel, size = int(rows[0][0]), bool(rows[0][1]), int(rows[0][2])
        if seq == most or size >= most_bytes:
            kind, value = CUT, cut_note(seq)
        JobEvent.objects.create(job_id=job_id, seq=seq, kind=kind, data=value)
        nudge_on_commit("job", job=key, seq=seq)
    return seq, cancel


def cut_note(seq: int) -> dict[str, Any]:
    """Return the data of the last event that is kept."""
    return {"text": f"Only {seq} events are kept; later ones are left out."}


def _write(job: Job, kind: str, data: dict[str, Any]) -> None:
    JobEvent.objects.create(job=job, seq=job.last_seq, kind=kind, data=bound(data, EVENT_BYTES))
    nudge_on_commit("job", job=job.key, seq=job.last_seq, over=kind == END)


def _count(job: Job) -> None:
    kind = "elsewhere" if job.target else job.kind  # what others call their kinds is no name of ours
    JOBS.labels(kind, job.state).inc()
    if job.started_at and job.ended_at:
        JOB_SECONDS.labels(kind).observe((job.ended_at - job.started_at).total_seconds())
