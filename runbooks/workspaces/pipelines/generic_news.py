"""The webhook for everything else: a small JSON object that says which kind of news it is.

`{"kind": "pipeline", "id": "17", "state": "failed", "ref": "main", "commit": "…", "name": "…", "url": "…", "by": "…",
"attempt": 1, "stages": [{"name": "test", "state": "failed"}]}`, or `"change"` with id, title, source, target, or
`"deploy"` with id, environment, state. What is not listed is refused, so that a misspelt name is an error.
"""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from clawsite.core.errors import BadInput
from runbooks.workspaces.pipelines.news import ChangeNews, DeployNews, News, PipelineNews
from runbooks.workspaces.pipelines.values import (
    MOST_STAGES,
    JobInfo,
    PipelineInfo,
    State,
    clean,
    clean_url,
    stage_of,
)

Id = Annotated[str, Meta(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9_.:#!-]+$")]


class _Stage(msgspec.Struct, forbid_unknown_fields=True):
    name: str
    state: State
    changes: bool | None = None


class _Pipeline(msgspec.Struct, tag_field="kind", tag="pipeline", forbid_unknown_fields=True):
    id: Id
    state: State
    ref: str = ""
    commit: str = ""
    name: str = ""
    url: str = ""
    by: str = ""
    attempt: Annotated[int, Meta(ge=0, le=10_000)] = 0
    stages: Annotated[list[_Stage], Meta(max_length=MOST_STAGES)] | None = None


class _Change(msgspec.Struct, tag_field="kind", tag="change", forbid_unknown_fields=True):
    id: Id
    title: str
    source: str = ""
    target: str = ""
    by: str = ""
    url: str = ""
    draft: bool = False


class _Deploy(msgspec.Struct, tag_field="kind", tag="deploy", forbid_unknown_fields=True):
    id: Id
    environment: str
    state: State
    ref: str = ""
    commit: str = ""
    by: str = ""
    url: str = ""


def read(event: str, body: bytes, repository: str) -> News:
    """Return what a delivery tells; BadInput says where it is wrong."""
    try:
        told = msgspec.json.decode(body, type=_Pipeline | _Change | _Deploy)
    except msgspec.MsgspecError as error:
        raise BadInput(f"This is not a delivery as they should be: {clean(error, 150)}") from None
    except (RecursionError, UnicodeDecodeError):
        raise BadInput("This is not a delivery as they should be.") from None
    if isinstance(told, _Pipeline):
        return PipelineNews(info=_info(told))
    by, url = clean(told.by), clean_url(told.url)
    if isinstance(told, _Change):
        source, target = clean(told.source, 200), clean(told.target, 200)
        return ChangeNews(
            id=told.id, title=clean(told.title, 200), by=by, source=source, target=target, url=url, draft=told.draft
        )
    return DeployNews(
        id=told.id,
        environment=clean(told.environment),
        state=told.state,
        ref=clean(told.ref, 200),
        commit=clean(told.commit, 64),
        by=by,
        url=url,
    )


def _info(told: _Pipeline) -> PipelineInfo:
    stages = None
    if told.stages is not None:
        stages = tuple(
            stage_of(each.name, [JobInfo(id="", name=clean(each.name), state=each.state)], changes=each.changes)
            for each in told.stages
        )
    return PipelineInfo(
        id=told.id,
        state=told.state,
        ref=clean(told.ref, 200),
        commit=clean(told.commit, 64),
        name=clean(told.name),
        url=clean_url(told.url),
        by=clean(told.by),
        attempt=told.attempt,
        stages=stages,
    )
