"""GitHub Actions: runs of workflows, with its REST API of 2022-11-28. A run is a pipeline, each of its jobs a stage."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any
from urllib.parse import quote, urlencode

import msgspec

from clawsite.core.errors import BadInput, NotAllowed
from guardrails.http import Reply
from runbooks.workspaces.pipelines.asking import Conflicting, NotThere, ask, decode, moment_of
from runbooks.workspaces.pipelines.forge import Place, check_id, check_ref
from runbooks.workspaces.pipelines.values import (
    JobInfo,
    PipelineInfo,
    StageInfo,
    State,
    clean,
    clean_url,
    stage_of,
)

NAME = "GitHub"
KIND = "github"
API_URL = "https://api.github.com"
REPOSITORY = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,38})/(?!\.{1,2}$)[A-Za-z0-9_.-]{1,100}")
WORKFLOW = re.compile(r"[A-Za-z0-9_.-]{1,100}\.ya?ml|[0-9]{1,20}")
VERSION = "2022-11-28"
MOST_LISTED, MOST_JOBS = 50, 100

_OPEN = {"queued": State.QUEUED, "requested": State.QUEUED, "pending": State.QUEUED, "waiting": State.WAITING}
_ENDS = {
    "success": State.SUCCEEDED,
    "neutral": State.SUCCEEDED,
    "skipped": State.SKIPPED,
    "cancelled": State.CANCELLED,
    "stale": State.CANCELLED,
    "action_required": State.WAITING,
}


class Person(msgspec.Struct, frozen=True):
    """Who did something."""

    login: str = ""


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """What we read of a run, in the API and in webhooks."""

    id: int
    status: str | None
    conclusion: str | None = None
    name: str | None = None
    display_title: str | None = None
    head_branch: str | None = None
    head_sha: str = ""
    html_url: str = ""
    run_attempt: int = 1
    created_at: str | None = None
    run_started_at: str | None = None
    updated_at: str | None = None
    actor: Person | None = None


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """What we read of a job, in the API and in webhooks."""

    id: int
    run_id: int
    name: str
    status: str
    conclusion: str | None = None
    html_url: str | None = None
    started_at: str | None = None
    completed_at: str | None = None
    run_attempt: int = 1


class _Runs(msgspec.Struct):
    workflow_runs: list[Run]


class _Jobs(msgspec.Struct):
    jobs: list[Job]


class _Environment(msgspec.Struct):
    id: int
    name: str


class _Waiting(msgspec.Struct):
    environment: _Environment
    current_user_can_approve: bool


class _Started(msgspec.Struct):
    workflow_run_id: int


def state_of(status: str | None, conclusion: str | None) -> State:
    """Return the state of a run or job from its status and conclusion."""
    if status == "completed":
        return _ENDS.get(conclusion or "", State.FAILED)
    return _OPEN.get(status or "", State.RUNNING)


def info_of(run: Run, stages: Sequence[StageInfo] | None = None) -> PipelineInfo:
    """Return a run as a pipeline."""
    changed = moment_of(run.updated_at)
    state = state_of(run.status, run.conclusion)
    return PipelineInfo(
        id=str(run.id),
        state=state,
        ref=clean(run.head_branch, 200),
        commit=clean(run.head_sha, 64),
        name=clean(run.name),
        url=clean_url(run.html_url),
        by=clean(run.actor.login if run.actor else ""),
        attempt=run.run_attempt,
        stages=None if stages is None else tuple(stages),
        changed_at=changed,
        started_at=moment_of(run.run_started_at or run.created_at),
        ended_at=changed if run.status == "completed" else None,
    )


def stage_of_job(job: Job) -> StageInfo:
    """Return a job as a stage of its own: GitHub orders jobs by what they need, not by stages."""
    began, ended = moment_of(job.started_at), moment_of(job.completed_at)
    info = JobInfo(
        id=str(job.id),
        name=clean(job.name),
        state=state_of(job.status, job.conclusion),
        seconds=(ended - began).total_seconds() if began and ended and ended >= began else None,
        url=clean_url(job.html_url),
    )
    return stage_of(job.name, [info])


class GitHub:
    """The runs of one repository."""

    def __init__(self, place: Place) -> None:
        if not REPOSITORY.fullmatch(place.repository):
            raise BadInput("A repository at GitHub is named OWNER/NAME.")
        self._place = place
        self._base = f"{place.api_url.rstrip('/')}/repos/{place.repository}/actions"

    async def list(self, *, limit: int = 10) -> Sequence[PipelineInfo]:
        """Return the newest runs, of the workflow of this place if it names one."""
        within = f"/workflows/{self._workflow()}/runs" if self._place.workflow else "/runs"
        return await self._runs(within, per_page=str(min(limit, MOST_LISTED)))

    async def get(self, pipeline_id: str) -> PipelineInfo:
        """Return a run with its jobs; an environment that waits for a review is a job that waits."""
        number = check_id(pipeline_id)
        run = decode(await self._ask(f"/runs/{number}"), Run, name=NAME)
        told = decode(await self._ask(f"/runs/{number}/jobs?filter=latest&per_page={MOST_JOBS}"), _Jobs, name=NAME)
        return info_of(run, [stage_of_job(job) for job in sorted(told.jobs, key=lambda job: job.id)])

    async def start(self, ref: str) -> PipelineInfo | None:
        """Start the workflow of this place; older servers do not tell which run that made."""
        if not self._place.workflow:
            raise BadInput("The connection names no workflow to start. An admin enters it in the admin pages.")
        path, body = f"/workflows/{self._workflow()}/dispatches", {"ref": check_ref(ref)}
        try:
            reply = await self._ask(path, method="POST", body=body | {"return_run_details": True})
        except BadInput as error:
            if "return_run_details" not in error.message:
                raise
            reply = await self._ask(path, method="POST", body=body)
        if not reply.body.strip():
            return None
        return await self.get(str(decode(reply, _Started, name=NAME).workflow_run_id))

    async def cancel(self, pipeline_id: str) -> None:
        """Have a run end."""
        try:
            await self._ask(f"/runs/{check_id(pipeline_id)}/cancel", method="POST")
        except Conflicting:
            return

    async def retry(self, pipeline_id: str) -> None:
        """Run the failed jobs again, or the whole run when none has failed."""
        number = check_id(pipeline_id)
        run = decode(await self._ask(f"/runs/{number}"), Run, name=NAME)
        failed = state_of(run.status, run.conclusion) == State.FAILED
        await self._ask(f"/runs/{number}/{'rerun-failed-jobs' if failed else 'rerun'}", method="POST")

    async def approve_job(self, pipeline_id: str, job_id: str = "") -> str:
        """Approve the environments that a run waits for: all, or the one of this name or number.

        A run that was never let begin (a first contribution) is let begin.
        """
        number = check_id(pipeline_id)
        path = f"/runs/{number}/pending_deployments"
        waiting = decode(await self._ask(path), list[_Waiting], name=NAME)
        chosen = [each for each in waiting if job_id in ("", each.environment.name, str(each.environment.id))]
        if not waiting:
            return await self._let_begin(number)
        if not chosen:
            names = ", ".join(clean(each.environment.name) for each in waiting)
            raise NotThere(f"Nothing of this name waits. What waits: {names}.")
        if not all(each.current_user_can_approve for each in chosen):
            raise NotAllowed("The token of the connection may not approve this at GitHub.")
        ids = [each.environment.id for each in chosen]
        await self._ask(path, method="POST", body={"environment_ids": ids, "state": "approved", "comment": "clawsite"})
        return ", ".join(clean(each.environment.name) for each in chosen)

    async def _let_begin(self, number: str) -> str:
        run = decode(await self._ask(f"/runs/{number}"), Run, name=NAME)
        if run.conclusion != "action_required":
            raise Conflicting("This pipeline waits for nobody.")
        await self._ask(f"/runs/{number}/approve", method="POST")
        return clean(run.name)

    async def _runs(self, path: str, **query: str) -> Sequence[PipelineInfo]:
        reply = await self._ask(f"{path}?{urlencode(query)}")
        return [info_of(run) for run in decode(reply, _Runs, name=NAME).workflow_runs]

    def _workflow(self) -> str:
        if not WORKFLOW.fullmatch(self._place.workflow):
            raise BadInput("A workflow is named by its file, such as ci.yml.")
        return quote(self._place.workflow, safe="")

    async def _ask(self, path: str, *, method: str = "GET", body: Any = None) -> Reply:
        headers = {
            "Authorization": f"Bearer {self._place.token}",
            "Accept": "application/vnd.github+json",
            "X-GitHub-Api-Version": VERSION,
        }
        return await ask(self._base + path, headers=headers, name=NAME, method=method, body=body)
