"""GitLab's webhooks: pipelines, merge requests and deployments. Jobs come with their pipeline."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import msgspec

from clawsite.core.errors import BadInput
from runbooks.workspaces.pipelines.asking import moment_of
from runbooks.workspaces.pipelines.gitlab import Build, Person, stages_of, state_of
from runbooks.workspaces.pipelines.news import ChangeNews, DeployNews, News, NoNews, PipelineNews
from runbooks.workspaces.pipelines.values import OVER, PipelineInfo, clean, clean_url

T = TypeVar("T")

_NEW_CHANGE = ("open", "reopen")


class _Project(msgspec.Struct):
    id: int | None = None
    path_with_namespace: str = ""


class _Head(msgspec.Struct):
    object_kind: str
    project: _Project | None = None


class _Attributes(msgspec.Struct):
    id: int
    status: str
    ref: str | None = None
    sha: str = ""
    name: str | None = None
    url: str | None = None
    stages: list[str | None] = []
    created_at: str | None = None
    finished_at: str | None = None


class _PipelineEvent(msgspec.Struct):
    object_attributes: _Attributes
    user: Person | None = None
    builds: list[Build] = []


class _Request(msgspec.Struct):
    iid: int
    title: str
    source_branch: str
    target_branch: str
    action: str = ""
    url: str = ""
    draft: bool = False


class _ChangeEvent(msgspec.Struct):
    object_attributes: _Request
    user: Person | None = None


class _DeployEvent(msgspec.Struct):
    status: str
    deployment_id: int | None = None
    environment: str = ""
    ref: str = ""
    short_sha: str = ""
    deployable_url: str | None = None
    user: Person | None = None


def read(event: str, body: bytes, repository: str) -> News:
    """Return what a delivery tells; BadInput for what is no such delivery. The body itself says which event it is."""
    head = _decode(body, _Head)
    if head.project is not None and repository.lower() not in (
        head.project.path_with_namespace.lower(),
        str(head.project.id),
    ):
        return NoNews(why="another repository")
    reader = _READERS.get(head.object_kind)
    return reader(body) if reader else NoNews(why=f"event {clean(head.object_kind, 40)}")


def _pipeline(body: bytes) -> News:
    event = _decode(body, _PipelineEvent)
    told = event.object_attributes
    state, ended = state_of(told.status), moment_of(told.finished_at)
    order = [name for name in told.stages if name]
    return PipelineNews(
        info=PipelineInfo(
            id=str(told.id),
            state=state,
            ref=clean(told.ref, 200),
            commit=clean(told.sha, 64),
            name=clean(told.name),
            url=clean_url(told.url),
            by=clean(event.user.username if event.user else ""),
            ended_before=None if state in OVER else ended,
            stages=tuple(stages_of(event.builds, order)),
            started_at=moment_of(told.created_at),
            ended_at=ended if state in OVER else None,
        )
    )


def _change(body: bytes) -> News:
    event = _decode(body, _ChangeEvent)
    request = event.object_attributes
    if request.action not in _NEW_CHANGE:
        return NoNews(why=f"merge_request {clean(request.action, 40)}")
    return ChangeNews(
        id=f"!{request.iid}",
        title=clean(request.title, 200),
        by=clean(event.user.username if event.user else ""),
        source=clean(request.source_branch, 200),
        target=clean(request.target_branch, 200),
        url=clean_url(request.url),
        draft=request.draft,
    )


def _deploy(body: bytes) -> News:
    event = _decode(body, _DeployEvent)
    if event.deployment_id is None:
        return NoNews(why="a deployment without a number")
    return DeployNews(
        id=str(event.deployment_id),
        environment=clean(event.environment),
        state=state_of(event.status),
        ref=clean(event.ref, 200),
        commit=clean(event.short_sha, 64),
        by=clean(event.user.username if event.user else ""),
        url=clean_url(event.deployable_url),
    )


_READERS: dict[str, Callable[[bytes], News]] = {
    "pipeline": _pipeline,
    "merge_request": _change,
    "deployment": _deploy,
}


def _decode(body: bytes, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        raise BadInput("This is no delivery of GitLab as it describes them.") from None
