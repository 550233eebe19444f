"""GitLab CI: pipelines with its REST API, version 4. Stages come in the order in which their first jobs were made."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any
from urllib.parse import quote

import msgspec

from clawsite.core.errors import BadInput
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
    sounds_like_a_change,
    stage_of,
)

NAME = "GitLab"
KIND = "gitlab"
API_URL = "https://gitlab.com/api/v4"
REPOSITORY = re.compile(r"[0-9]{1,20}|[A-Za-z0-9_][A-Za-z0-9_.-]{0,100}(?:/[A-Za-z0-9_][A-Za-z0-9_.-]{0,100}){1,20}")
MOST_LISTED, MOST_JOBS = 50, 100

STATES = {
    "created": State.QUEUED,
    "waiting_for_resource": State.QUEUED,
    "waiting_for_callback": State.QUEUED,
    "preparing": State.QUEUED,
    "pending": State.QUEUED,
    "scheduled": State.QUEUED,
    "running": State.RUNNING,
    "canceling": State.RUNNING,
    "manual": State.WAITING,
    "success": State.SUCCEEDED,
    "failed": State.FAILED,
    "canceled": State.CANCELLED,
    "skipped": State.SKIPPED,
}


class Person(msgspec.Struct, frozen=True):
    """Who did something."""

    username: str = ""


class Environment(msgspec.Struct, frozen=True):
    """What a job changes, as webhooks tell it."""

    name: str = ""


class Build(msgspec.Struct, frozen=True, kw_only=True):
    """What we read of a job, in the API and in webhooks."""

    id: int
    name: str
    stage: str
    status: str
    duration: float | None = None
    web_url: str = ""
    allow_failure: bool = False
    environment: Environment | None = None


class Pipeline(msgspec.Struct, frozen=True, kw_only=True):
    """What we read of a pipeline in the API."""

    id: int
    status: str
    ref: str | None = None
    sha: str = ""
    name: str | None = None
    web_url: str = ""
    created_at: str | None = None
    started_at: str | None = None
    finished_at: str | None = None
    updated_at: str | None = None
    user: Person | None = None


def state_of(status: str) -> State:
    """Return the state from GitLab's word; one that is new to us is something that goes on."""
    return STATES.get(status, State.RUNNING)


def info_of(row: Pipeline, stages: Sequence[StageInfo] | None = None) -> PipelineInfo:
    """Return a pipeline of the API. Its end stays known when it is run again."""
    state, ended = state_of(row.status), moment_of(row.finished_at)
    is_over = row.status in ("success", "failed", "canceled", "skipped")
    return PipelineInfo(
        id=str(row.id),
        state=state,
        ref=clean(row.ref, 200),
        commit=clean(row.sha, 64),
        name=clean(row.name),
        url=clean_url(row.web_url),
        by=clean(row.user.username if row.user else ""),
        ended_before=None if is_over else ended,
        stages=None if stages is None else tuple(stages),
        changed_at=moment_of(row.updated_at),
        started_at=moment_of(row.started_at or row.created_at),
        ended_at=ended if is_over else None,
    )


def stages_of(builds: Iterable[Build], order: Sequence[str] = ()) -> list[StageInfo]:
    """Return the stages that jobs make: in this order, then by the age of their first job."""
    rows: dict[str, list[Build]] = {name: [] for name in order}
    for build in sorted(builds, key=lambda build: build.id):
        rows.setdefault(build.stage, []).append(build)
    return [_stage(name, of_stage) for name, of_stage in rows.items() if of_stage]


def _stage(name: str, builds: Sequence[Build]) -> StageInfo:
    changes = any(build.environment is not None for build in builds)
    changes = changes or sounds_like_a_change(name, *(build.name for build in builds))
    return stage_of(name, [job_of(build) for build in builds], changes=changes)


def job_of(build: Build) -> JobInfo:
    """Return a job. One that nobody has to start for the pipeline to go on does not hold it up."""
    state = state_of(build.status)
    return JobInfo(
        id=str(build.id),
        name=clean(build.name),
        state=state,
        seconds=build.duration,
        url=clean_url(build.web_url),
        optional=build.allow_failure,
    )


class GitLab:
    """The pipelines of one repository."""

    def __init__(self, place: Place) -> None:
        if not REPOSITORY.fullmatch(place.repository):
            raise BadInput("A repository at GitLab is named GROUP/NAME, or by its number.")
        self._place = place
        self._base = f"{place.api_url.rstrip('/')}/projects/{quote(place.repository, safe='')}"

    async def list(self, *, limit: int = 10) -> Sequence[PipelineInfo]:
        """Return the newest pipelines."""
        reply = await self._ask(f"/pipelines?per_page={min(limit, MOST_LISTED)}")
        return [info_of(row) for row in decode(reply, list[Pipeline], name=NAME)]

    async def get(self, pipeline_id: str) -> PipelineInfo:
        """Return one with its stages."""
        number = check_id(pipeline_id)
        row = decode(await self._ask(f"/pipelines/{number}"), Pipeline, name=NAME)
        return info_of(row, stages_of(await self._builds(number)))

    async def start(self, ref: str) -> PipelineInfo | None:
        """Start one."""
        reply = await self._ask("/pipeline", method="POST", body={"ref": check_ref(ref)})
        return info_of(decode(reply, Pipeline, name=NAME))

    async def cancel(self, pipeline_id: str) -> None:
        """Have all its jobs end."""
        await self._ask(f"/pipelines/{check_id(pipeline_id)}/cancel", method="POST")

    async def retry(self, pipeline_id: str) -> None:
        """Run failed and cancelled jobs again; where there are none GitLab does nothing, so a new one is started."""
        number = check_id(pipeline_id)
        row = decode(await self._ask(f"/pipelines/{number}"), Pipeline, name=NAME)
        if state_of(row.status) == State.SUCCEEDED and row.ref:
            await self.start(row.ref)
            return
        await self._ask(f"/pipelines/{number}/retry", method="POST")

    async def approve_job(self, pipeline_id: str, job_id: str = "") -> str:
        """Start the manual jobs that wait: all, or the one of this name or number."""
        builds = [build for build in await self._builds(check_id(pipeline_id)) if build.status == "manual"]
        chosen = [build for build in builds if job_id in ("", build.name, str(build.id))]
        if not builds:
            raise Conflicting("This pipeline waits for nobody.")
        if not chosen:
            raise NotThere(f"Nothing of this name waits. What waits: {', '.join(clean(each.name) for each in builds)}.")
        for build in chosen:
            await self._ask(f"/jobs/{build.id}/play", method="POST", body={})
        return ", ".join(clean(build.name) for build in chosen)

    async def _builds(self, number: str) -> tuple[Build, ...]:
        reply = await self._ask(f"/pipelines/{number}/jobs?per_page={MOST_JOBS}")
        return decode(reply, tuple[Build, ...], name=NAME)

    async def _ask(self, path: str, *, method: str = "GET", body: Any = None) -> Reply:
        headers = {"PRIVATE-TOKEN": self._place.token}
        return await ask(self._base + path, headers=headers, name=NAME, method=method, body=body)
