"""GitHub's webhooks: workflow_run, workflow_job, pull_request, deployment_status and ping."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import msgspec

from clawsite.core.errors import BadInput
from runbooks.workspaces.pipelines.github import Job, Person, Run, info_of, stage_of_job
from runbooks.workspaces.pipelines.news import ChangeNews, DeployNews, JobNews, News, NoNews, PipelineNews
from runbooks.workspaces.pipelines.values import State, clean, clean_url

T = TypeVar("T")

_DEPLOY_STATES = {
    "success": State.SUCCEEDED,
    "failure": State.FAILED,
    "error": State.FAILED,
    "inactive": State.SKIPPED,
    "pending": State.QUEUED,
    "queued": State.QUEUED,
    "waiting": State.WAITING,
    "in_progress": State.RUNNING,
}
_NEW_CHANGE = ("opened", "reopened", "ready_for_review")


class _Repository(msgspec.Struct):
    full_name: str


class _Head(msgspec.Struct):
    repository: _Repository | None = None


class _RunEvent(msgspec.Struct):
    workflow_run: Run


class _JobEvent(msgspec.Struct):
    workflow_job: Job


class _Branch(msgspec.Struct):
    ref: str


class _PullRequest(msgspec.Struct):
    number: int
    title: str
    html_url: str
    head: _Branch
    base: _Branch
    user: Person | None = None
    draft: bool = False


class _ChangeEvent(msgspec.Struct):
    action: str
    pull_request: _PullRequest


class _Status(msgspec.Struct):
    state: str
    environment: str = ""
    target_url: str | None = None
    log_url: str | None = None
    creator: Person | None = None


class _Deployment(msgspec.Struct):
    id: int
    sha: str = ""
    ref: str = ""
    environment: str = ""


class _DeployEvent(msgspec.Struct):
    deployment_status: _Status
    deployment: _Deployment


def read(event: str, body: bytes, repository: str) -> News:
    """Return what a delivery tells; BadInput for what is no such delivery."""
    head = _decode(body, _Head)
    if head.repository is not None and head.repository.full_name.lower() != repository.lower():
        return NoNews(why="another repository")
    reader = _READERS.get(event)
    return reader(body) if reader else NoNews(why=f"event {clean(event, 40)}")


def _run(body: bytes) -> News:
    return PipelineNews(info=info_of(_decode(body, _RunEvent).workflow_run))


def _job(body: bytes) -> News:
    job = _decode(body, _JobEvent).workflow_job
    return JobNews(pipeline=str(job.run_id), attempt=job.run_attempt, stage=stage_of_job(job))


def _change(body: bytes) -> News:
    event = _decode(body, _ChangeEvent)
    if event.action not in _NEW_CHANGE:
        return NoNews(why=f"pull_request {clean(event.action, 40)}")
    request = event.pull_request
    return ChangeNews(
        id=f"#{request.number}",
        title=clean(request.title, 200),
        by=clean(request.user.login if request.user else ""),
        source=clean(request.head.ref, 200),
        target=clean(request.base.ref, 200),
        url=clean_url(request.html_url),
        draft=request.draft,
    )


def _deploy(body: bytes) -> News:
    event = _decode(body, _DeployEvent)
    status, deployment = event.deployment_status, event.deployment
    return DeployNews(
        id=str(deployment.id),
        environment=clean(status.environment or deployment.environment),
        state=_DEPLOY_STATES.get(status.state, State.RUNNING),
        ref=clean(deployment.ref, 200),
        commit=clean(deployment.sha, 64),
        by=clean(status.creator.login if status.creator else ""),
        url=clean_url(status.log_url or status.target_url),
    )


_READERS: dict[str, Callable[[bytes], News]] = {
    "workflow_run": _run,
    "workflow_job": _job,
    "pull_request": _change,
    "deployment_status": _deploy,
}


def _decode(body: bytes, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        raise BadInput("This is no delivery of GitHub as it describes them.") from None
