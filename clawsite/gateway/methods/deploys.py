"""deploys.*: what was brought where, bringing more there, taking it back, and keeping others away meanwhile.

A token sees the projects of its owner; one with operator.admin looks at all of them, and changes only its own.
"""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta

from clawsite.core.db import run_db, run_tx
from clawsite.core.errors import NotFound
from clawsite.gateway.access import access_session
from clawsite.gateway.principal import Principal, Scope
from clawsite.gateway.registry import Call, Params, method
from runbooks import jobs
from runbooks.models import Deploy, Environment, Project
from runbooks.workspaces import deploys
from runbooks.workspaces.access import DEVELOPER, access_project

ORIGIN = "gateway"
MAX_LISTED = 100

Key = Annotated[str, Meta(min_length=1, max_length=64)]
Name = Annotated[str, Meta(min_length=1, max_length=32)]


class ListParams(Params):
    """A project by its key or name, and one of its environments; all of them unless given."""

    project: Key
    environment: Annotated[str, Meta(max_length=32)] = ""
    limit: Annotated[int, Meta(ge=1, le=MAX_LISTED)] = 20


class One(Params):
    """A deploy by its number."""

    id: Annotated[int, Meta(ge=1, le=2**53)]


class Start(Params):
    """Where to, and which commit or branch: the newest commit unless given, of a rollback the release before.

    sessionKey: where it is shown. Repeating a request with the same idempotencyKey gives the same job.
    """

    project: Key
    environment: Name
    ref: Annotated[str, Meta(max_length=200)] = ""
    session_key: Annotated[str, Meta(max_length=512)] = ""
    idempotency_key: Annotated[str, Meta(max_length=128)] = ""


class Place(Params):
    """An environment of a project."""

    project: Key
    environment: Name


class Lock(Place):
    """Why others are kept away."""

    reason: Annotated[str, Meta(min_length=1, max_length=200)]


@method("deploys.list", scope=Scope.READ, params=ListParams, summary="The environments and last deploys of a project.")
async def list_(call: Call, params: ListParams) -> dict[str, Any]:
    """Return each environment with its lock and what is live there, and the deploys, newest first."""
    return await run_db(_list, call.principal, params)


def _list(principal: Principal, params: ListParams) -> dict[str, Any]:
    project = _see(principal, params.project)
    places = Environment.objects.select_related("lock").filter(project=project).order_by("position")
    rows = Deploy.objects.select_related("environment", "job").filter(project=project)
    if params.environment:
        rows = rows.filter(environment__in=[each.pk for each in places if each.name == params.environment])
    there = Deploy.objects.filter(environment__in=[each.pk for each in places], state=Deploy.State.LIVE)
    live = {each.environment_id: each for each in there}
    return {
        "environments": [_place(each, live.get(each.pk)) for each in places],
        "deploys": [_row(each) for each in rows[: params.limit]],
    }


@method("deploys.get", scope=Scope.READ, params=One, summary="One deploy with what became of each of its steps.")
async def get(call: Call, params: One) -> dict[str, Any]:
    """Return it; jobs.subscribe with its jobId follows it."""
    return await run_db(_get, call.principal, params.id)


def _get(principal: Principal, number: int) -> dict[str, Any]:
    row = Deploy.objects.select_related("project", "environment", "job", "job__run").filter(pk=number).first()
    if row is None:
        raise _unknown()
    try:
        _see(principal, row.project.key)
    except NotFound:  # it names the project
        raise _unknown() from None
    told: dict[str, Any] = {"steps": [], "undo": [], "output": "", "error": None}
    if row.job is not None:
        seen = deploys.describe_deploy(row.job, deploy=row, run=getattr(row.job, "run", None))
        told = {key: seen[key] for key in ("steps", "undo", "output")} | {"error": seen["error"] or None}
    return {"deploy": _row(row) | {"changes": row.changes} | told}


@method("deploys.start", scope=Scope.WRITE, params=Start, summary="Brings a commit to an environment, as a job.")
async def start(call: Call, params: Start) -> dict[str, Any]:
    """Return the job, which looks at the gates."""
    return await run_tx(_start, call.principal, params, Deploy.Kind.DEPLOY)


@method("deploys.rollback", scope=Scope.WRITE, params=Start, summary="Brings an earlier release back, as a job.")
async def rollback(call: Call, params: Start) -> dict[str, Any]:
    """Return the job."""
    return await run_tx(_start, call.principal, params, Deploy.Kind.ROLLBACK)


def _start(principal: Principal, params: Start, kind: Deploy.Kind) -> dict[str, Any]:
    session = access_session(principal, params.session_key) if params.session_key else None
    job = deploys.start_deploy(
        access_project(params.project, actor=principal.actor, role=DEVELOPER),
        params.environment,
        ref=params.ref,
        kind=kind,
        actor=principal.actor,
        owner=principal.owner,
        session_id=session.pk if session else None,
        origin=ORIGIN,
        idempotency_key=params.idempotency_key,
    )
    return {"job": jobs.describe(job)}


@method("deploys.lock", scope=Scope.WRITE, params=Lock, summary="Keeps others from deploying to an environment.")
async def lock(call: Call, params: Lock) -> dict[str, Any]:
    """Return the environment with its lock."""
    return await run_tx(_lock, call.principal, params)


def _lock(principal: Principal, params: Lock) -> dict[str, Any]:
    place = _change(principal, params)
    deploys.lock_environment(place, params.reason, actor=principal.actor, origin=ORIGIN)
    return {"environment": _place(Environment.objects.get(pk=place.pk), deploys.live_in(place))}


@method("deploys.unlock", scope=Scope.WRITE, params=Place, summary="Lets others deploy to an environment again.")
async def unlock(call: Call, params: Place) -> dict[str, Any]:
    """Return whether it was locked."""
    return {"unlocked": await run_tx(_unlock, call.principal, params)}


def _unlock(principal: Principal, params: Place) -> bool:
    return deploys.unlock_environment(_change(principal, params), actor=principal.actor, origin=ORIGIN)


def _unknown() -> NotFound:
    return NotFound("There is no such deploy.")


def _change(principal: Principal, params: Place) -> Environment:
    project = access_project(params.project, actor=principal.actor, role=DEVELOPER)
    return deploys.get_environment(project, params.environment)


def _see(principal: Principal, name: str) -> Project:
    found = Project.objects.filter(key=name).first() if principal.sees_all else None
    return found or access_project(name, actor=principal.actor)


def _place(row: Environment, live: Deploy | None) -> dict[str, Any]:
    lock = getattr(row, "lock", None)
    locked = {"by": lock.owner, "name": lock.owner_name, "reason": lock.reason} if lock is not None else None
    return {
        "name": row.name,
        "frozen": row.frozen,
        "lock": locked,
        "live": {"id": live.pk, "commit": live.commit} if live is not None else None,
    }


def _row(row: Deploy) -> dict[str, Any]:
    return {
        "id": row.pk,
        "jobId": row.job.key if row.job is not None else None,
        "environment": row.environment.name,
        "kind": str(row.kind),
        "state": str(row.state),
        "commit": row.commit,
        "ref": row.ref,
        "requestedBy": row.requested_by,
        "approvedBy": row.approved_by or None,
        "previousId": row.previous_id,
        "createdAtMs": int(row.created_at.timestamp() * 1000),
        "seconds": row.seconds,
    }
