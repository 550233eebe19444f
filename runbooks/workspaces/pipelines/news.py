"""What a webhook tells, in one form whoever sent it. Texts are from outside: bounded, one line, never followed."""

from __future__ import annotations

from dataclasses import dataclass

from runbooks.workspaces.pipelines.values import PipelineInfo, StageInfo, State


@dataclass(frozen=True, kw_only=True, slots=True)
class PipelineNews:
    """A pipeline as it stands."""

    info: PipelineInfo


@dataclass(frozen=True, kw_only=True, slots=True)
class JobNews:
    """One job of a pipeline, as a stage of its own."""

    pipeline: str
    attempt: int
    stage: StageInfo


@dataclass(frozen=True, kw_only=True, slots=True)
class ChangeNews:
    """Somebody asks for a change to be taken over: a pull request, a merge request."""

    id: str
    title: str
    by: str
    source: str
    target: str
    url: str
    draft: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class DeployNews:
    """A deploy that somebody else does, as it stands."""

    id: str
    environment: str
    state: State
    ref: str
    commit: str
    by: str
    url: str


@dataclass(frozen=True, kw_only=True, slots=True)
class NoNews:
    """Nothing that people are told of, and why."""

    why: str


News = PipelineNews | JobNews | ChangeNews | DeployNews | NoNews
