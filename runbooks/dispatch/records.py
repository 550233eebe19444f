"""What the dispatcher writes. Each piece is one transaction that commits only while its lease is ours.

Invariant: an event of the other gateway and the number up to which its events were taken over are one commit, so
that whoever goes on from that number leaves none out and takes none twice.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import F, Q, Value
from django.db.models.functions import Coalesce
from django.utils import timezone

from clawsite.core.leases import Held, check_lease
from clawsite.core.nudge import nudge_on_commit
from runbooks.jobs.events import CUT, END, EVENT_BYTES, STATE, cut_note, move
from runbooks.jobs.kinds import find_kind
from runbooks.jobs.values import bound, size_of
from runbooks.models import Job, JobEvent

State = Job.State
OPEN = (State.QUEUED, State.RUNNING)
RESULT_BYTES = 1024 * 1024
ERROR_CHARS = 500
# What a kind that only the other gateway knows may take here; that gateway has its own, shorter limits.
UNKNOWN_SECONDS = 24 * 3600.0
# The other gateway ends it in time by itself, and we hear of that a little later.
MARGIN_SECONDS = 30.0
# Kinds of event that mean something to us: the other gateway's go by another name here.
_RENAMED = frozenset({STATE, END, CUT})
# What a job has saved that was told why nothing happens, until it is told that the waiting is over.
NOTED = "noted"


@dataclass(frozen=True, kw_only=True, slots=True)
class News:
    """An event of the other gateway, with its number there."""

    seq: int
    kind: str
    data: Any
    ts: int | None


def mark_sent(held: Held, job_id: int, target: str) -> Job | None:
    """Note that the job is about to be sent, before it is; None when it is not to be sent there any more.

    One that nobody has and that is to be cancelled is so by this.
    """
    with transaction.atomic():
        check_lease(held)
        if Job.objects.filter(pk=job_id, remote_open=False, cancel_requested=True).exists():
            move(job_id, source=[State.QUEUED], to=State.CANCELLED)
        wanted = Q(cancel_requested=False) | Q(remote_open=True)
        waiting = Job.objects.filter(wanted, pk=job_id, target=target, state=State.QUEUED, remote_id="")
        waiting.update(remote_open=True)
        return waiting.first()


def unmark_sent(held: Held, job_id: int) -> None:
    """Note that the other gateway surely did not take it."""
    with transaction.atomic():
        check_lease(held)
        Job.objects.filter(pk=job_id, remote_id="").update(remote_open=False)


def accept(held: Held, job_id: int, remote_id: str) -> Job:
    """Note the id that the job has on the other gateway."""
    with transaction.atomic():
        check_lease(held)
        if Job.objects.filter(pk=job_id, remote_id="").update(remote_id=remote_id):
            job = Job.objects.get(pk=job_id)
            if not job.is_over:
                add(job_id, "sent", {"target": job.target, "remoteId": remote_id})
        return Job.objects.get(pk=job_id)


def mirror(held: Held, job_id: int, news: Sequence[News]) -> bool:
    """Take over events that follow those we have; False when the job has ended here, so that none are wanted."""
    with transaction.atomic():
        check_lease(held)
        job = Job.objects.select_for_update().filter(pk=job_id, state__in=OPEN).first()
        if job is None:
            return False
        fresh = [each for each in news if each.seq > job.remote_seq]
        if fresh:
            job = note_answer(job)
        if fresh and job.state == State.QUEUED and any(_is_beginning(each) for each in fresh):
            job = _begin(job)
        if fresh:
            _write(job, fresh)
            _set_deadline(job, fresh)
    return True


def note_answer(job: Job) -> Job:
    """Tell an open job that was told to wait that its gateway answers again, once; return it as it is then."""
    if NOTED not in job.saved:
        return job
    rest = {key: value for key, value in job.saved.items() if key != NOTED}
    if not Job.objects.filter(pk=job.pk, saved__has_key=NOTED).update(saved=rest):
        return job
    add(job.pk, "note", {"text": f"{job.target} is within reach again."})
    return Job.objects.get(pk=job.pk)


def _is_beginning(news: News) -> bool:
    return news.kind != STATE or _state_of(news) == State.RUNNING


def _state_of(news: News) -> str:
    return str(news.data.get("state", "")) if news.kind == STATE and isinstance(news.data, dict) else ""


def _begin(job: Job) -> Job:
    begun = Coalesce(F("started_at"), Value(timezone.now()))
    deadline = job.deadline if job.cancel_requested else _deadline(job.kind)
    again = F("attempts") + 1
    moved = move(job.pk, source=[State.QUEUED], to=State.RUNNING, attempts=again, started_at=begun, deadline=deadline)
    return moved or job


def _deadline(kind_name: str) -> datetime:
    kind = find_kind(kind_name)
    return timezone.now() + timedelta(seconds=kind.seconds + MARGIN_SECONDS if kind else UNKNOWN_SECONDS)


def _set_deadline(job: Job, fresh: Sequence[News]) -> None:
    """Stop the clock while the job is parked over there, and start it anew when it goes on."""
    states = [state for state in map(_state_of, fresh) if state]
    if job.cancel_requested or not states:
        return
    deadline = _deadline(job.kind) if states[-1] == State.RUNNING else None
    Job.objects.filter(pk=job.pk).update(deadline=deadline)


def _write(job: Job, fresh: Sequence[News]) -> None:
    """Add events under our own numbers, as many as are kept of one job, and note how far we are."""
    rows, size = _kept(job, fresh)
    last = job.last_seq + len(rows)
    JobEvent.objects.bulk_create(rows)
    Job.objects.filter(pk=job.pk).update(last_seq=last, event_bytes=size, remote_seq=fresh[-1].seq)
    nudge_on_commit("job", job=job.key, seq=last)


def _kept(job: Job, fresh: Sequence[News]) -> tuple[list[JobEvent], int]:
    """Return the events that are kept, the last of which says so when there is no more room, and all their bytes."""
    rows: list[JobEvent] = []
    size = job.event_bytes
    for number, news in enumerate(fresh, start=job.last_seq + 1):
        if number > settings.CLAW_JOB_EVENTS or size >= settings.CLAW_JOB_EVENT_BYTES:
            break
        row = _row(job, number, news)
        size += size_of(row.data)
        if number == settings.CLAW_JOB_EVENTS or size >= settings.CLAW_JOB_EVENT_BYTES:
            row.kind, row.data = CUT, cut_note(number)
        rows.append(row)
    return rows, size


def _row(job: Job, number: int, news: News) -> JobEvent:
    kind = f"remote.{news.kind}" if news.kind in _RENAMED or not news.kind else news.kind
    data = {} if news.data is None else news.data
    return JobEvent(
        job=job, seq=number, kind=str(bound(kind, 1024))[:64], data=bound(data, EVENT_BYTES), at=_when(job, news)
    )


def _when(job: Job, news: News) -> datetime:
    """Return when it happened, as the other clock says, within what ours says is possible."""
    now = timezone.now()
    try:
        said = datetime.fromtimestamp((news.ts or 0) / 1000, tz=UTC) if news.ts else now
    except (OverflowError, OSError, ValueError):
        return now
    return min(max(said, job.created_at), now)


def skip(held: Held, job_id: int, upto: int) -> None:
    """Go on after events that the other gateway has lost, and say so."""
    with transaction.atomic():
        check_lease(held)
        job = Job.objects.select_for_update().filter(pk=job_id, state__in=OPEN, remote_seq__lt=upto).first()
        if job is not None:
            text = f"{job.target} no longer has its events {job.remote_seq + 1} to {upto} of this job."
            Job.objects.filter(pk=job_id).update(remote_seq=upto)
            add(job_id, "note", {"text": text})


def finish(
    held: Held, job_id: int, *, to: str, error: str = "", result: Any = None, seq: int = 0, is_gone: bool = True
) -> None:
    """End the job here as it ended there; one that has ended here before keeps its end.

    is_gone: whether it is known that nothing goes on over there.
    """
    changes: dict[str, Any] = {"error": str(bound(error, 4000))[:ERROR_CHARS]}
    if to == State.SUCCEEDED:
        changes["result"] = bound(result, RESULT_BYTES)
    with transaction.atomic():
        check_lease(held)
        if seq:
            Job.objects.filter(pk=job_id, remote_seq__lt=seq).update(remote_seq=seq)
        if is_gone:
            Job.objects.filter(pk=job_id).update(remote_open=False)
        move(job_id, source=OPEN, to=to, **changes)


def settle(held: Held, job_id: int) -> None:
    """Note that nothing goes on over there any more."""
    with transaction.atomic():
        check_lease(held)
        Job.objects.filter(pk=job_id).update(remote_open=False)


def postpone(held: Held, seconds: float) -> None:
    """Have the time of all jobs on other gateways end later by so much."""
    with transaction.atomic():
        check_lease(held)
        open_jobs = Job.objects.elsewhere().filter(state__in=OPEN, deadline__isnull=False)
        open_jobs.update(deadline=F("deadline") + timedelta(seconds=seconds))


def add(job_id: int, kind: str, data: dict[str, Any]) -> None:
    """Add an event of our own to an open job, as long as events are kept."""
    found = Job.objects.filter(pk=job_id, state__in=OPEN, last_seq__lt=settings.CLAW_JOB_EVENTS - 1)
    if found.update(last_seq=F("last_seq") + 1):
        job = Job.objects.get(pk=job_id)
        JobEvent.objects.create(job=job, seq=job.last_seq, kind=kind, data=bound(data, EVENT_BYTES))
        nudge_on_commit("job", job=job.key, seq=job.last_seq)
