"""The job that asks a forge to do something. It is not repeated: what broke off may have been done."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from clawsite.core.errors import ClawError, NotFound
from guardrails.types import Role
from runbooks.jobs import JobContext, JobKind
from runbooks.models import ForgeConnection, Job, Pipeline, Project
from runbooks.workspaces.access import DEVELOPER, MAINTAINER, get_project
from runbooks.workspaces.pipelines.actions import KIND, check_shown
from runbooks.workspaces.pipelines.connections import get_connection, note_answer, open_connection
from runbooks.workspaces.pipelines.forge import Forge
from runbooks.workspaces.pipelines.orders import check_order
from runbooks.workspaces.pipelines.showing import show_answer, show_pipeline
from runbooks.workspaces.pipelines.taking import take_pipeline
from runbooks.workspaces.pipelines.values import PipelineInfo

SECONDS = 90.0


class Params(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """What to do with which pipeline of which project: `ref` for start, `name` of a job for approve.

    shown: the seal of what somebody saw waiting and approves.
    """

    project: Annotated[str, Meta(max_length=64)]
    verb: Literal["start", "cancel", "retry", "approve"]
    pipeline: int | None = None
    ref: Annotated[str, Meta(max_length=200)] = ""
    name: Annotated[str, Meta(max_length=200)] = ""
    shown: Annotated[str, Meta(max_length=64)] = ""
    seal: Annotated[str, Meta(max_length=200)] = ""


def run(ctx: JobContext) -> dict[str, Any]:
    """Ask, then read how the pipeline stands and show it where it was asked for."""
    given = msgspec.convert(ctx.params, Params)
    project = get_project(given.project)
    check_order(ctx.job, project, role=MAINTAINER if given.verb == "approve" else DEVELOPER)
    connection = get_connection(project)
    row = _pipeline_of(project, given.pipeline)
    number = row.external_id if row else ""
    forge = open_connection(connection)
    try:
        if given.shown:
            looked = asyncio.run(forge.get(number))
            check_shown(take_pipeline(project, connection.kind, looked, live=True), given.shown)
        told, info = asyncio.run(_do(forge, given, number))
    except ClawError as error:
        note_answer(connection, error)
        raise
    note_answer(connection)
    if info is None:
        show_answer(ctx.job, project, verb=given.verb, pipeline=given.pipeline, ref=given.ref, state="started")
        return {"pipeline": None}
    return {"pipeline": _show(ctx.job, project, connection, info), "told": told}


async def _do(forge: Forge, given: Params, number: str) -> tuple[str, PipelineInfo | None]:
    """Do it; return what was approved, and the pipeline as it then stands."""
    told = ""
    if given.verb == "start":
        started = await forge.start(given.ref)
        return told, await _look(forge, started.id, started) if started else None
    if given.verb == "cancel":
        await forge.cancel(number)
    elif given.verb == "retry":
        await forge.retry(number)
    else:
        told = await forge.approve_job(number, given.name)
    return told, await forge.get(number)


async def _look(forge: Forge, number: str, started: PipelineInfo) -> PipelineInfo:
    """Return what was started with its stages; that it was started stays true when it cannot be read just now."""
    try:
        return await forge.get(number)
    except ClawError:
        return started


def _pipeline_of(project: Project, number: int | None) -> Pipeline | None:
    if number is None:
        return None
    row = Pipeline.objects.filter(project=project, pk=number).first()
    if row is None:
        raise NotFound(f"There is no pipeline {number}.")
    return row


def _show(job: Job, project: Project, connection: ForgeConnection, info: PipelineInfo) -> int:
    row = take_pipeline(project, connection.kind, info, live=True)
    if job.session_id is not None:
        show_pipeline(row, ask_session=job.session_id)
    return row.pk


def tell_failure(job: Job) -> None:
    """Say in the chat that asked why nothing came of it. Called in the transaction that ends the job."""
    if job.state != Job.State.SUCCEEDED and job.session_id is not None:
        given = msgspec.convert(job.params, Params)
        project = Project.objects.filter(key=given.project).first()
        if project is not None:
            show_answer(job, project, verb=given.verb, pipeline=given.pipeline, ref=given.ref)


PIPELINE_ASK = JobKind(
    name=KIND,
    run=run,
    description="Has a forge start, cancel, retry or go on with a pipeline of a project.",
    seconds=SECONDS,
    repeatable=False,
    role=Role.OPERATOR,
    params=Params,
    ended=tell_failure,
)
