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
from runbooks.jobs.values import bound
from runbooks.models import Job, JobEvent
from runbooks.models.job import ENDS

EVENT_BYTES = 64 * 1024
# Kinds that only the system writes.
STATE, END, CUT = "state", "end", "cut"

_NUMBER = """
UPDATE runbooks_job SET last_seq = last_seq + 1
WHERE id = %s AND token = %s AND state = 'running' AND last_seq < %s
RETURNING last_seq, cancel_requested
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

    The last event under CLAW_JOB_EVENTS says that no more are kept.
    """
    cap = settings.CLAW_JOB_EVENTS
    with transaction.atomic():
        rows = fetch(_NUMBER, job_id, token, cap)
        if not rows:
            return None
        seq, cancel = int(rows[0][0]), bool(rows[0][1])
        if seq == cap:
            kind, data = CUT, {"text": f"Only {cap} events are kept; later ones are left out."}
        JobEvent.objects.create(job_id=job_id, seq=seq, kind=kind, data=bound(data, EVENT_BYTES))
        nudge_on_commit("job", job=key, seq=seq)
    return seq, cancel


def _write(job: Job, kind: str, data: dict[str, Any]) -> None:
    JobEvent.objects.create(job=job, seq=job.last_seq, kind=kind, data=bound(data, EVENT_BYTES))
    nudge_on_commit("job", job=job.key, seq=job.last_seq, over=kind == END)


def _count(job: Job) -> None:
    kind = "elsewhere" if job.target else job.kind  # what others call their kinds is no name of ours
    JOBS.labels(kind, job.state).inc()
    if job.started_at and job.ended_at:
        JOB_SECONDS.labels(kind).observe((job.ended_at - job.started_at).total_seconds())
