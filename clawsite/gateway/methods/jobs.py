"""jobs.*: durable work. A caller sees and touches its owner's own jobs; an admin's token those of everybody."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Annotated, Any

from msgspec import Meta

from clawsite.core.db import run_db, run_tx
from clawsite.core.errors import BadInput
from clawsite.gateway.access import access_session, no_session
from clawsite.gateway.jobfeed import feed
from clawsite.gateway.principal import Principal, Scope
from clawsite.gateway.registry import METHOD_SECONDS, Call, Params, method
from runbooks import jobs
from runbooks.models import Job
from runbooks.targets.reading import describe_jobs

ORIGIN = "gateway"
DEFAULT_LIMIT, MAX_LIMIT = 50, 200
MAX_WAIT_MS = 300_000

Id = Annotated[str, Meta(min_length=1, max_length=64)]


class Create(Params):
    """What is to be done. Repeating a request with the same idempotencyKey gives the same job.

    target names another gateway that is to do it; select says what such a gateway must have:
    {repo?, labels?, kind?, policy?: "load" or "order"}.
    """

    kind: Annotated[str, Meta(min_length=1, max_length=64)]
    params: dict[str, Any] = {}
    idempotency_key: Annotated[str, Meta(max_length=128)] = ""
    session_key: Annotated[str, Meta(max_length=512)] = ""
    start: bool = True
    target: Annotated[str, Meta(max_length=64)] = ""
    select: dict[str, Any] | None = None


class One(Params):
    """A job."""

    id: Id


class Result(Params):
    """A job, and how long to wait for its end."""

    id: Id
    timeout_ms: Annotated[int, Meta(ge=0, le=MAX_WAIT_MS)] = 0


class List(Params):
    """Which jobs; `cursor` is the last answer's nextCursor."""

    limit: Annotated[int, Meta(ge=1, le=MAX_LIMIT)] = DEFAULT_LIMIT
    cursor: Annotated[str, Meta(max_length=24, pattern=r"^[0-9]{0,18}$")] = ""
    state: Annotated[str, Meta(max_length=32)] = ""
    kind: Annotated[str, Meta(max_length=64, pattern=r"^[\w.-]*$")] = ""


class Subscribe(Params):
    """A job, and the number of the last event the caller has."""

    id: Id
    after_seq: Annotated[int, Meta(ge=0, le=2_000_000_000)] = 0


def _owner(principal: Principal) -> str | None:
    """Return whose jobs are shown; None: everybody's."""
    return None if principal.sees_all else principal.owner


@method("jobs.create", scope=Scope.WRITE, params=Create, summary="Creates a job and, unless told not to, starts it.")
async def create(call: Call, params: Create) -> dict[str, Any]:
    """Return the job; the same one for the same key."""
    return {"job": await run_tx(_create, call.principal, params)}


def _create(principal: Principal, params: Create) -> dict[str, Any]:
    _check_conversation(principal, params)
    job = jobs.create_job(
        params.kind,
        params=params.params,
        actor=principal.actor,
        owner=principal.owner,
        session_id=access_session(principal, params.session_key).pk if params.session_key else None,
        idempotency_key=params.idempotency_key,
        start=params.start,
        origin=ORIGIN,
        target=params.target,
        select=params.select,
    )
    return describe_jobs([job])[0]


def _check_conversation(principal: Principal, params: Create) -> None:
    """Raise NotAllowed for parameters that name a conversation by its number, which could be anybody's."""
    kind = jobs.find_kind(params.kind)
    number = params.params.get(kind.session_param) if kind is not None and kind.session_param else None
    if number and not principal.sees_all:
        raise no_session(str(number))


@method("jobs.start", scope=Scope.WRITE, params=One, summary="Starts a job that was created without starting it.")
async def start(call: Call, params: One) -> dict[str, Any]:
    """Return the job; starting twice starts once."""
    return {"job": await run_tx(_start, call.principal, params.id)}


def _start(principal: Principal, key: str) -> dict[str, Any]:
    job = jobs.access_job(key, owner=_owner(principal))
    return jobs.describe(jobs.start_job(job.key, actor=principal.actor, origin=ORIGIN))


@method("jobs.status", scope=Scope.READ, params=One, summary="Tells where a job stands.")
async def status(call: Call, params: One) -> dict[str, Any]:
    """Return the job."""
    return {"job": await run_db(_status, call.principal, params.id)}


def _status(principal: Principal, key: str) -> dict[str, Any]:
    return describe_jobs([jobs.access_job(key, owner=_owner(principal))])[0]


@method("jobs.cancel", scope=Scope.WRITE, params=One, summary="Cancels a job; a running one is asked to stop.")
async def cancel(call: Call, params: One) -> dict[str, Any]:
    """Return the job, and whether it is or will be cancelled."""
    return await run_tx(_cancel, call.principal, params.id)


def _cancel(principal: Principal, key: str) -> dict[str, Any]:
    job = jobs.access_job(key, owner=_owner(principal))
    job = jobs.cancel_job(job.key, actor=principal.actor, origin=ORIGIN)
    cancelled = job.state == Job.State.CANCELLED or (job.cancel_requested and not job.is_over)
    return {"job": jobs.describe(job), "cancelled": cancelled}


@method(
    "jobs.result",
    scope=Scope.READ,
    params=Result,
    summary="Gives a job's result, waiting for its end if asked to.",
    seconds=MAX_WAIT_MS / 1000 + METHOD_SECONDS,
    waits=True,
)
async def result(call: Call, params: Result) -> dict[str, Any]:
    """Return the job, whether it is over, and its result if it succeeded."""
    with feed.waiting(params.id) as end:
        answer = await run_db(_result, call.principal, params.id)
        if answer["done"] or not params.timeout_ms:
            return answer
        with suppress(TimeoutError):
            async with asyncio.timeout(params.timeout_ms / 1000):
                await end.wait()
        return await run_db(_result, call.principal, params.id)


def _result(principal: Principal, key: str) -> dict[str, Any]:
    job = jobs.access_job(key, owner=_owner(principal))
    return {"job": jobs.describe(job), "done": job.is_over, "result": jobs.result(job)}


@method("jobs.list", scope=Scope.READ, params=List, summary="Lists jobs, newest first, a page at a time.")
async def list_(call: Call, params: List) -> dict[str, Any]:
    """Return a page, and the cursor of the next one if this one is full."""
    if params.state and params.state not in Job.State.values:
        raise BadInput(f"there is no state {params.state[:32]!r}; there are {', '.join(Job.State.values)}")
    return await run_db(_list, _owner(call.principal), params)


def _list(owner: str | None, params: List) -> dict[str, Any]:
    before = int(params.cursor) if params.cursor.isdecimal() else None
    found = jobs.list_jobs(owner, state=params.state, kind=params.kind, before=before, limit=params.limit)
    page: dict[str, Any] = {"jobs": describe_jobs(found)}
    return page | ({"nextCursor": str(found[-1].pk)} if len(found) == params.limit else {})


@method("jobs.subscribe", scope=Scope.READ, params=Subscribe, summary="Sends a job's events from a number on.")
async def subscribe(call: Call, params: Subscribe) -> dict[str, Any]:
    """Return the job; its events follow as `job` events, each once and in order, up to the one of kind `end`."""
    job = await run_db(jobs.access_job, params.id, owner=_owner(call.principal))
    after = min(params.after_seq, job.last_seq)
    if after < job.last_seq or not job.is_over:
        call.connection.watch_job(job.key, after)
    return {"job": jobs.describe(job), "lastSeq": job.last_seq}


@method("jobs.unsubscribe", scope=Scope.READ, params=One, summary="Stops sending a job's events.")
def unsubscribe(call: Call, params: One) -> dict[str, Any]:
    """Return that it was done, whether or not there was a subscription."""
    call.connection.unwatch_job(params.id)
    return {"ok": True}


class Kinds(Params):
    """Nothing."""


@method("jobs.kinds", scope=Scope.READ, params=Kinds, summary="Lists the kinds of job there are.")
def kinds(call: Call, params: Kinds) -> dict[str, Any]:
    """Return name, description, time limit and least role of each."""
    rows = [
        {
            "name": kind.name,
            "description": kind.description,
            "seconds": kind.seconds,
            "repeatable": kind.repeatable,
            "role": kind.role.value,
        }
        for kind in jobs.list_kinds()
    ]
    return {"kinds": rows}
