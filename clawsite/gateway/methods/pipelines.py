"""pipelines.*: how pipelines of one's projects stand, and having them started, cancelled, run again and let go on."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Annotated, Any

from msgspec import Meta

from clawsite.core.db import run_db, run_tx
from clawsite.gateway.access import access_session
from clawsite.gateway.principal import Principal, Scope
from clawsite.gateway.registry import Call, Params, method
from runbooks import jobs
from runbooks.models import Job, Pipeline, Project
from runbooks.workspaces.access import DEVELOPER, MAINTAINER, VIEWER, access_project, get_project
from runbooks.workspaces.pipelines import actions
from runbooks.workspaces.pipelines.access import access_pipeline, list_pipelines

ORIGIN = "gateway"
MAX_LISTED = 50

Number = Annotated[int, Meta(ge=1, le=2**53)]
Key = Annotated[str, Meta(min_length=1, max_length=64)]
SessionKey = Annotated[str, Meta(max_length=512)]


class List(Params):
    """A project by its key or name."""

    project: Key
    limit: Annotated[int, Meta(ge=1, le=MAX_LISTED)] = 20


class One(Params):
    """A pipeline by its number."""

    id: Number


class Start(Params):
    """A project, and the branch that is run: the project's own unless given. sessionKey: where it is shown."""

    project: Key
    ref: Annotated[str, Meta(max_length=200)] = ""
    session_key: SessionKey = ""


class Change(Params):
    """A pipeline by its number. sessionKey: where it is shown."""

    id: Number
    session_key: SessionKey = ""


class Approve(Params):
    """A pipeline by its number, and which of its jobs that wait: by name or number, all unless given."""

    id: Number
    job: Annotated[str, Meta(max_length=200)] = ""
    session_key: SessionKey = ""


@method("pipelines.list", scope=Scope.READ, params=List, summary="The newest pipelines of a project.")
async def list_(call: Call, params: List) -> dict[str, Any]:
    """Return them as they were heard of last, without their stages."""
    return {"pipelines": await run_db(_list, call.principal, params)}


def _list(principal: Principal, params: List) -> list[dict[str, Any]]:
    return [_short(row) for row in list_pipelines(_project(principal, params.project), limit=params.limit)]


@method("pipelines.get", scope=Scope.READ, params=One, summary="One pipeline with its stages and jobs.")
async def get(call: Call, params: One) -> dict[str, Any]:
    """Return it as it was heard of last."""
    return {"pipeline": await run_db(_get, call.principal, params.id)}


def _get(principal: Principal, number: int) -> dict[str, Any]:
    row = _pipeline(principal, number, VIEWER)
    return _short(row) | {"stages": row.stages}


@method("pipelines.start", scope=Scope.WRITE, params=Start, summary="Starts a pipeline of a project, as a job.")
async def start(call: Call, params: Start) -> dict[str, Any]:
    """Return the job that has it started."""
    return await run_tx(_start, call.principal, params)


def _start(principal: Principal, params: Start) -> dict[str, Any]:
    project = _project(principal, params.project, DEVELOPER)
    session_id = _session(principal, params.session_key)
    return _told(
        actions.start_pipeline(project, actor=principal.actor, ref=params.ref, session_id=session_id, origin=ORIGIN)
    )


@method("pipelines.cancel", scope=Scope.WRITE, params=Change, summary="Has a pipeline end, as a job.")
async def cancel(call: Call, params: Change) -> dict[str, Any]:
    """Return the job that has it end."""
    return await run_tx(_change, call.principal, params, actions.cancel_pipeline)


@method("pipelines.retry", scope=Scope.WRITE, params=Change, summary="Has what failed run again, as a job.")
async def retry(call: Call, params: Change) -> dict[str, Any]:
    """Return the job that has it run again."""
    return await run_tx(_change, call.principal, params, actions.retry_pipeline)


@method("pipelines.approve", scope=Scope.WRITE, params=Approve, summary="Lets go on what waits for a person, as a job.")
async def approve(call: Call, params: Approve) -> dict[str, Any]:
    """Return the job that approves it; it takes a maintainer of the project."""
    approving = partial(actions.approve_pipeline, name=params.job)
    return await run_tx(_change, call.principal, params, approving, MAINTAINER)


def _change(
    principal: Principal, params: Change | Approve, act: Callable[..., Job], role: str = DEVELOPER
) -> dict[str, Any]:
    """Have something done to a pipeline, by who has this role in its project."""
    row = _pipeline(principal, params.id, role)
    session_id = _session(principal, params.session_key)
    return _told(act(row, actor=principal.actor, session_id=session_id, origin=ORIGIN))


def _project(principal: Principal, name: str, role: str = VIEWER) -> Project:
    """Return a project of the caller's; an admin's token names any by its key."""
    if principal.sees_all:
        return get_project(name)
    return access_project(name, actor=principal.actor, role=role)


def _pipeline(principal: Principal, number: int, role: str) -> Pipeline:
    return access_pipeline(number, actor=principal.actor, role=role, everything=principal.sees_all)


def _session(principal: Principal, key: str) -> int | None:
    return access_session(principal, key).pk if key else None


def _told(job: Job) -> dict[str, Any]:
    return {"job": jobs.describe(job)}


def _short(row: Pipeline) -> dict[str, Any]:
    moments = {"startedAtMs": row.started_at, "endedAtMs": row.ended_at, "heardAtMs": row.heard_at}
    return {
        "id": row.pk,
        "project": row.project.key,
        "provider": row.provider,
        "externalId": row.external_id,
        "state": row.state,
        "attempt": row.attempt,
        "name": row.name,
        "ref": row.ref,
        "commit": row.commit,
        "url": row.url or None,
        "startedBy": row.started_by,
        "jobId": row.job.key if row.job else None,
        **{name: int(at.timestamp() * 1000) if at else None for name, at in moments.items()},
    }
