"""runbooks.*: which there are, running one, and its runs. A run is a job: jobs.* follow and cancel it."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta

from clawsite.core.db import run_db, run_tx
from clawsite.gateway.access import access_session
from clawsite.gateway.principal import Principal, Scope
from clawsite.gateway.registry import Call, Params, method
from guardrails.types import Role
from runbooks import books, jobs
from runbooks.books.spec import Book, to_json
from runbooks.books.starting import book_of, get_named
from runbooks.models import Run

ORIGIN = "gateway"
MAX_RUNS = 100

Name = Annotated[str, Meta(min_length=1, max_length=64)]
Value = str | int | float | bool


class ListParams(Params):
    """all: those that are switched off, too."""

    all: bool = False


class Get(Params):
    """A runbook by its name, with its last runs; or one run by its number."""

    name: Annotated[str, Meta(max_length=64)] = ""
    run: Annotated[int, Meta(ge=1, le=2**53)] | None = None
    limit: Annotated[int, Meta(ge=1, le=MAX_RUNS)] = 20


class RunParams(Params):
    """Which runbook with which parameters. dryRun only shows what would be done. sessionKey: where its progress is
    shown. Repeating a request with the same idempotencyKey gives the same run."""

    name: Name
    parameters: dict[str, Value] = {}
    dry_run: bool = False
    session_key: Annotated[str, Meta(max_length=512)] = ""
    idempotency_key: Annotated[str, Meta(max_length=128)] = ""


@method("runbooks.list", scope=Scope.READ, params=ListParams, summary="Lists the runbooks there are.")
async def list_(call: Call, params: ListParams) -> dict[str, Any]:
    """Return name, title, parameters and steps' titles of each."""
    return {"runbooks": await run_db(_list, params.all)}


def _list(everything: bool) -> list[dict[str, Any]]:
    rows = books.list_runbooks(only_enabled=not everything)
    return [_describe(book_of(row)) | {"version": row.version} for row in rows]


def _describe(book: Book) -> dict[str, Any]:
    return {
        "name": book.name,
        "title": book.title,
        "description": book.description,
        "enabled": book.enabled,
        "role": book.role,
        "target": book.target,
        "labels": book.labels,
        "parameters": [to_json(each) for each in book.parameters],
        "steps": [step.title for step in book.steps],
    }


@method("runbooks.run", scope=Scope.WRITE, params=RunParams, summary="Runs a runbook, as a job.")
async def run(call: Call, params: RunParams) -> dict[str, Any]:
    """Return the run and its job; jobs.subscribe follows it."""
    return await run_tx(_run, call.principal, params)


def _run(principal: Principal, params: RunParams) -> dict[str, Any]:
    session = access_session(principal, params.session_key) if params.session_key else None
    made = books.start_run(
        params.name,
        params.parameters,
        actor=principal.actor,
        owner=principal.owner,
        session_id=session.pk if session else None,
        dry_run=params.dry_run,
        origin=ORIGIN,
        idempotency_key=params.idempotency_key,
    )
    return {"run": _run_row(made), "job": jobs.describe(made.job)}


@method("runbooks.get", scope=Scope.READ, params=Get, summary="One runbook with its last runs, or one run.")
async def get(call: Call, params: Get) -> dict[str, Any]:
    """Return the runbook, for who may write also as YAML, and runs of the caller's; or a run with each of its steps."""
    return await run_db(_get, call.principal, params)


def _get(principal: Principal, params: Get) -> dict[str, Any]:
    owner = None if principal.sees_all else principal.owner
    if params.run is not None:
        return {"run": _run_row(books.access_run(params.run, owner=owner))}
    row = get_named(params.name)
    runs = books.latest_runs(name=row.name, owner=owner, limit=params.limit)
    book = book_of(row)
    text = {"yaml": books.write_book(book)} if principal.actor.is_at_least(Role.OPERATOR) else {}
    return {"runbook": _describe(book) | {"version": row.version} | text, "runs": [_short(each) for each in runs]}


def _short(run: Run) -> dict[str, Any]:
    return {
        "id": run.pk,
        "jobId": run.job.key,
        "state": str(run.job.state),
        "target": run.target,
        "dryRun": run.dry_run,
        "requestedBy": run.requested_by,
        "createdAtMs": int(run.created_at.timestamp() * 1000),
    }


def _run_row(run: Run) -> dict[str, Any]:
    told = books.describe_run(run, run.job)
    return _short(run) | {
        "name": run.name,
        "title": run.title,
        "version": run.version,
        "parameters": run.parameters,
        "steps": told["steps"],
        "undo": told["undo"],
        "output": told["output"],
        "error": told["error"] or None,
        "digest": run.digest,
    }
