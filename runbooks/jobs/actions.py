"""What people and programs do with jobs. Each action is one transaction with its audit row, event and nudge."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import msgspec
from django.db import IntegrityError, transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _

from clawsite.core import audit
from clawsite.core.errors import BadInput, NotAllowed, Unavailable
from clawsite.core.nudge import nudge_on_commit
from clawsite.core.queue import enqueue
from clawsite.core.tracing import trace_id
from guardrails.types import Actor, Role
from runbooks.jobs.events import add_event, move
from runbooks.jobs.kinds import check_params, find_kind, get_kind
from runbooks.jobs.values import is_storable
from runbooks.models import Job
from runbooks.models.job import ENDS
from runbooks.targets.checking import KIND, NUDGE
from runbooks.targets.choosing import Selection, choose_target, parse_selection

TASK = "runbooks.run.run_job"
MAX_KEY_CHARS = 128
# Jobs of one owner that have not ended. What the system starts by itself is bounded by its schedules.
MAX_OPEN = 1000
# How long a job on another gateway has to end once it was asked to, before it has ended here in any case.
CANCEL_SECONDS = 600.0

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
    select: Mapping[str, Any] | None = None,
) -> Job:
    """Create a job and, if wanted, start it. `owner` is whose it is: the actor's own, unless given.

    With a key that this owner has used before, that job is returned, whatever became of it; BadInput when it was
    another kind or had other parameters. NotAllowed when the actor's role is below the kind's.

    With `target` (the name of a gateway) or `select` (what a gateway must have, see Selection) the job is sent to
    another gateway. Its kind may then be one that only that one knows.
    """
    owner = owner or actor.subject
    is_here = not target and select is None
    values = _make_values(kind, params or {}) if is_here else _make_values_elsewhere(kind, params or {}, target, select)
    _check_role(actor, _role_of_kind(kind))
    if not is_here:
        _check_role(actor, Role.OPERATOR)
    _check_key(idempotency_key)
    values["session_id"] = session_id
    with transaction.atomic():
        job = _find_same(owner, idempotency_key, values) or _insert(owner, idempotency_key, values, actor, origin)
        if start and job.state == Job.State.CREATED:
            job = _start(job, actor=actor, origin=origin)
    return job


def _make_values(kind: str, params: Mapping[str, Any]) -> dict[str, Any]:
    return {"kind": kind, "params": get_kind(kind).parse(params), "target": "", "selection": {}}


def _make_values_elsewhere(
    kind: str, params: Mapping[str, Any], target: str, select: Mapping[str, Any] | None
) -> dict[str, Any]:
    """Return the values of a job for another gateway, which alone knows the kind and checks the parameters."""
    if not KIND.fullmatch(kind):
        raise BadInput("A kind of job is named with letters, digits, dots, dashes and underscores, 64 at most.")
    if target and select is not None:
        raise BadInput("Name a target or select one, not both.")
    selection = {} if select is None else msgspec.to_builtins(parse_selection(select, kind=kind))
    return {"kind": kind, "params": check_params(dict(params)), "target": target, "selection": selection}


def _find_same(owner: str, key: str, values: dict[str, Any]) -> Job | None:
    found = Job.objects.filter(owner=owner, idempotency_key=key).first() if key else None
    chosen = {"target"} if values["selection"] else set()
    if found is not None and any(getattr(found, name) != values[name] for name in values.keys() - chosen):
        raise BadInput("This idempotency key was used for a job of another kind or with other parameters.")
    return found


def _insert(owner: str, key: str, values: dict[str, Any], actor: Actor, origin: str) -> Job:
    values = values | {"target": _choose(values)}
    _check_room(owner)
    try:
        with transaction.atomic():
            job = Job.objects.create(
                owner=owner,
                idempotency_key=key,
                requested_by=actor.subject,
                trace_id=trace_id(),
                **values,
            )
    except IntegrityError:
        same = _find_same(owner, key, values)
        if same is None:
            raise
        return same
    told = {"target": job.target} if job.target else {}
    _audit("job.create", job, actor=actor, origin=origin, kind=job.kind, **told)
    return job


def _check_room(owner: str) -> None:
    """Raise Unavailable while this owner has as many open jobs as one may have."""
    if owner == SYSTEM.subject:
        return
    opened = Job.objects.filter(owner=owner, state__in=set(Job.State) - ENDS)
    if opened[:MAX_OPEN].count() >= MAX_OPEN:
        raise Unavailable(
            _("There are {count} jobs of yours that have not ended. Wait for some, or cancel them.").format(
                count=MAX_OPEN
            )
        )


def _choose(values: dict[str, Any]) -> str:
    """Return the name of the gateway a new job goes to, "" for this one."""
    if not values["target"] and not values["selection"]:
        return ""
    selection = msgspec.convert(values["selection"], Selection) if values["selection"] else None
    return choose_target(values["target"], selection, kind=values["kind"])


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
        _tell(moved)
    return moved


def _tell(job: Job) -> None:
    """Tell those who will see to it that a queued job runs."""
    if job.target:
        nudge_on_commit(NUDGE)
    else:
        enqueue(TASK, job.pk)


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
    """Ask a running job to end, end at once one that does not run, and leave one that is over as it is.

    One that was sent to another gateway is asked to end there, now or when that is within reach again.
    """
    with transaction.atomic():
        job = _get(key, locked=True)  # one that parks or is taken just now would be found in neither state
        _check_role(actor, _role_of(job))
        idle = [] if job.remote_open else [Job.State.CREATED, Job.State.QUEUED, Job.State.WAITING_APPROVAL]
        ended = move(job.pk, source=idle, to=Job.State.CANCELLED, cancel_requested=True)
        asked = ended is None and _ask_to_cancel(job)
        if ended is not None or asked:
            _audit("job.cancel", job, actor=actor, origin=origin)
    return _get(key)


def _ask_to_cancel(job: Job) -> bool:
    at_work = Q(state=Job.State.RUNNING) | Q(state=Job.State.QUEUED, remote_open=True)
    changes: dict[str, Any] = {"cancel_requested": True}
    if job.target:
        soon = timezone.now() + timedelta(seconds=CANCEL_SECONDS)
        changes["deadline"] = min(job.deadline or soon, soon)
    if not Job.objects.filter(at_work, pk=job.pk, cancel_requested=False).update(**changes):
        return False
    add_event(job.pk, "state", {"state": str(_get(job.key).state), "cancelRequested": True})
    if job.target:
        nudge_on_commit(NUDGE)
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
        target="" if job.selection else job.target,
        select=job.selection or None,
    )


def wake_job(job: Job, *, now: datetime) -> bool:
    """Tell a worker once more to run a queued job; False when somebody else just did."""
    same = Job.objects.filter(pk=job.pk, state=Job.State.QUEUED, sent_at=job.sent_at)
    with transaction.atomic():
        told = bool(same.update(sent_at=now))
        if told:
            enqueue(TASK, job.pk)
    return told


def hasten_job(job_id: int) -> bool:
    """Have a job that waits for a time go on now; False when it does not wait for one. Safe to repeat."""
    now = timezone.now()
    with transaction.atomic():
        resting = Job.objects.here().filter(pk=job_id, state=Job.State.QUEUED, not_before__gt=now)
        woken = bool(resting.update(not_before=now, sent_at=now))
        if woken:
            enqueue(TASK, job_id)
    return woken


def _get(key: str, *, locked: bool = False) -> Job:
    rows = Job.objects.select_for_update() if locked else Job.objects.all()
    job = rows.filter(key=key).first()
    if job is None:
        raise NotAllowed(_("There is no such job."))
    return job


def _role_of(job: Job) -> Role:
    return _role_of_kind(job.kind)


def _role_of_kind(name: str) -> Role:
    kind = find_kind(name)
    return kind.role if kind is not None else Role.OPERATOR


def _check_role(actor: Actor, role: Role) -> None:
    if not actor.is_at_least(role):
        raise NotAllowed(_("Only the role {role} and those above it may do this.").format(role=role.value))


def _check_key(key: str) -> None:
    if len(key) > MAX_KEY_CHARS or not is_storable(key):
        raise BadInput(f"An idempotency key has at most {MAX_KEY_CHARS} characters.")


def _audit(action: str, job: Job, *, actor: Actor, origin: str, **data: Any) -> None:
    """Record what a person or a program did; what the system does by itself is in the job's events."""
    if not actor.subject.startswith(_ITSELF):
        audit.record(action, actor=actor.subject, subject=job.ref, origin=origin, **data)
