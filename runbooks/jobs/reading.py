"""Reading jobs: one on somebody's behalf, lists by key, events from a number on, and the row as the wire shows it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _

from clawsite.core.errors import NotAllowed
from runbooks.models import Job, JobEvent

MAX_ROWS = 200
MAX_EVENTS = 500


def access_job(key: str, *, owner: str | None) -> Job:
    """Return a job that this owner may see (None: sees all). One answer for what is absent and what is not theirs.

    The big columns are left out: each is read when it is asked for.
    """
    found = Job.objects.defer("params", "result", "saved").filter(key=key) if key.isalnum() else Job.objects.none()
    job = (found if owner is None else found.filter(owner=owner)).first()
    if job is None:
        raise NotAllowed(_("There is no such job."))
    return job


def list_jobs(
    owner: str | None, *, state: str = "", kind: str = "", before: int | None = None, limit: int = 50
) -> list[Job]:
    """Return jobs, newest first; `before` is the pk of the last one already seen. The big columns are left out."""
    rows = Job.objects.defer("params", "result", "saved").order_by("-id")
    wanted = {"owner": owner, "state": state or None, "kind": kind or None, "pk__lt": before}
    rows = rows.filter(**{name: value for name, value in wanted.items() if value is not None})
    return list(rows[: max(1, min(limit, MAX_ROWS))])


def read_events(job: Job, after: int = 0, limit: int = MAX_EVENTS) -> list[JobEvent]:
    """Return the events after a number, in their order."""
    rows = JobEvent.objects.filter(job_id=job.pk, seq__gt=after).order_by("seq")
    return list(rows[: max(1, min(limit, MAX_EVENTS))])


def result(job: Job) -> Any:
    """Return what a job came to, None unless it succeeded."""
    return job.result if job.state == Job.State.SUCCEEDED else None


def describe(job: Job) -> dict[str, Any]:
    """Return the wire's JobRow."""
    row: dict[str, Any] = {
        "id": job.key,
        "kind": job.kind,
        "state": str(job.state),
        "createdAtMs": _ms(job.created_at),
        "startedAtMs": _ms(job.started_at),
        "endedAtMs": _ms(job.ended_at),
        "requestedBy": job.requested_by,
        "attempts": job.attempts,
        "lastSeq": job.last_seq,
        "error": job.error or None,
        "target": job.target or None,
        "remoteId": job.remote_id or None,
        "cancelRequested": True if job.cancel_requested and not job.is_over else None,
    }
    return {name: value for name, value in row.items() if value is not None}


def describe_event(job: Job, event: JobEvent) -> dict[str, Any]:
    """Return the payload of the wire's `job` event."""
    return {"jobId": job.key, "seq": event.seq, "kind": event.kind, "data": event.data, "ts": _ms(event.at)}


def _ms(moment: datetime | None) -> int | None:
    return None if moment is None else int(moment.timestamp() * 1000)
