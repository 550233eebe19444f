"""What people and programs do with jobs. Each action is one transaction with its audit row, event and nudge."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone

from clawsite.core import audit
from clawsite.core.errors import BadInput, NotAllowed
from clawsite.core.queue import enqueue
from guardrails.types import Actor, Role
from runbooks.jobs.events import add_event, move
from runbooks.jobs.kinds import find_kind, get_kind
from runbooks.jobs.values import is_storable
from runbooks.models import Job

TASK = "runbooks.run.run_job"
MAX_KEY_CHARS = 128

# What acts by itself: it needs no audit row.
_ITSELF = ("system", "schedule:")
SYSTEM = Actor(subject="system", role=Role.ADMIN, name="system")


def create_job(
    kind: str,
    *,
    params: Mapping[str, Any] | None = None,
    actor: Actor,
    owner: str = "",
    session_id: int | None = None,
    idempotency_key: str = "",
    start: bool = False,
    origin: str = "",
    target: str = "",
) -> Job:
    """Create a job and, if wanted, start it. `owner` is whose it is: the actor's own, unless given.

    With a key that this owner has used before, that job is returned, whatever became of it; BadInput when it was
    another kind or had other parameters. NotAllowed when the actor's role is below the kind's.
    """
    owner = owner or actor.subject
    wanted = get_kind(kind)
    _check_role(actor, wanted.role)
    _check_key(idempotency_key)
    values = {"kind": kind, "params": wanted.parse(params or {}), "session_id": session_id, "target": target}
    with transaction.atomic():
        job = _find_same(owner, idempotency_key, values) or _insert(owner, idempotency_key, values, actor, origin)
        if start and job.state == Job.State.CREATED:
            job = _start(job, actor=actor, origin=origin)
    return job


def _find_same(owner: str, key: str, values: dict[str, Any]) -> Job | None:
    found = Job.objects.filter(owner=owner, idempotency_key=key).first() if key else None
    if found is not None and any(getattr(found, name) != value for name, value in values.items()):
        raise BadInput("This idempotency key was used for a job of another kind or with other parameters.")
    return found


def _insert(owner: str, key: str, values: dict[str, Any], actor: Actor, origin: str) -> Job:
    try:
        with transaction.atomic():
            job = Job.objects.create(owner=owner, idempotency_key=key, requested_by=actor.subject, **values)
    except IntegrityError:
        same = _find_same(owner, key, values)
        if same is None:
            raise
        return same
    _audit("job.create", job, actor=actor, origin=origin, kind=job.kind)
    return job


def start_job(key: str, *, actor: Actor, origin: str = "") -> Job:
    """Start a created job; one that was started before stays as it is."""
    job = _get(key)
    _check_role(actor, _role_of(job))
    return _start(job, actor=actor, origin=origin) if job.state == Job.State.CREATED else job


def _start(job: Job, *, actor: Actor, origin: str) -> Job:
    now = timezone.now()
    with transaction.atomic():
        moved = move(job.pk, source=[Job.State.CREATED], to=Job.State.QUEUED, not_before=now, sent_at=now)
        if moved is None:
            return _get(job.key)
        _audit("job.start", moved, actor=actor, origin=origin)
        enqueue(TASK, moved.pk)
    return moved


def resume_job(job_id: int, *, note: Mapping[str, Any] | None = None) -> Job | None:
    """Have a job that waits for an approval go on; None when it does not wait. For the resumers of approvals."""
    now = timezone.now()
    with transaction.atomic():
        moved = move(
            job_id,
            source=[Job.State.WAITING_APPROVAL],
            to=Job.State.QUEUED,
            note=dict(note or {}),
            not_before=now,
            sent_at=now,
            deadline=None,
        )
        if moved is not None:
            enqueue(TASK, moved.pk)
    return moved


def cancel_job(key: str, *, actor: Actor, origin: str = "") -> Job:
    """Ask a running job to end, end at once one that does not run, and leave one that is over as it is."""
    job = _get(key)
    _check_role(actor, _role_of(job))
    idle = [Job.State.CREATED, Job.State.QUEUED, Job.State.WAITING_APPROVAL]
    with transaction.atomic():
        ended = move(job.pk, source=idle, to=Job.State.CANCELLED, cancel_requested=True)
        asked = ended is None and _ask_to_cancel(job)
        if ended is not None or asked:
            _audit("job.cancel", job, actor=actor, origin=origin)
    return _get(key)


def _ask_to_cancel(job: Job) -> bool:
    running = Job.objects.filter(pk=job.pk, state=Job.State.RUNNING, cancel_requested=False)
    if not running.update(cancel_requested=True):
        return False
    add_event(job.pk, "state", {"state": Job.State.RUNNING.value, "cancelRequested": True})
    return True


def run_again(key: str, *, actor: Actor, origin: str = "") -> Job:
    """Create and start another job with the kind, parameters, owner and session of this one."""
    job = _get(key)
    return create_job(
        job.kind,
        params=job.params,
        actor=actor,
        owner=job.owner,
        session_id=job.session_id,
        start=True,
        origin=origin,
    )


def wake_job(job: Job, *, now: datetime) -> bool:
    """Tell a worker once more to run a queued job; False when somebody else just did."""
    same = Job.objects.filter(pk=job.pk, state=Job.State.QUEUED, sent_at=job.sent_at)
    with transaction.atomic():
        told = bool(same.update(sent_at=now))
        if told:
            enqueue(TASK, job.pk)
    return told


def _get(key: str) -> Job:
    job = Job.objects.filter(key=key).first()
    if job is None:
        raise NotAllowed("There is no such job.")
    return job


def _role_of(job: Job) -> Role:
    kind = find_kind(job.kind)
    return kind.role if kind is not None else Role.OPERATOR


def _check_role(actor: Actor, role: Role) -> None:
    if not actor.is_at_least(role):
        raise NotAllowed(f"Only the role {role.value} and those above it may do this.")


def _check_key(key: str) -> None:
    if len(key) > MAX_KEY_CHARS or not is_storable(key):
        raise BadInput(f"An idempotency key has at most {MAX_KEY_CHARS} characters.")


def _audit(action: str, job: Job, *, actor: Actor, origin: str, **data: Any) -> None:
    """Record what a person or a program did; what the system does by itself is in the job's events."""
    if not actor.subject.startswith(_ITSELF):
        audit.record(action, actor=actor.subject, subject=job.ref, origin=origin, **data)
