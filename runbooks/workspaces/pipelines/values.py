"""Pipelines, stages and jobs in one form, whoever runs them. Pure values; texts in them may come from outside."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any

import msgspec

MOST_STAGES, MOST_JOBS = 60, 200
NAME_CHARS, URL_CHARS = 120, 500


class State(StrEnum):
    """Where a pipeline, a stage or a job stands. `waiting` waits for a person."""

    QUEUED = "queued"
    RUNNING = "running"
    WAITING = "waiting"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    SKIPPED = "skipped"


OVER = frozenset({State.SUCCEEDED, State.FAILED, State.CANCELLED, State.SKIPPED})
# The state of a stage is that of the job which says most: one that failed, one that works, one that waits.
_WEIGHT = (
    State.FAILED,
    State.RUNNING,
    State.WAITING,
    State.CANCELLED,
    State.QUEUED,
    State.SUCCEEDED,
    State.SKIPPED,
)


class JobInfo(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One job. `id` is what `approve_job` takes. `optional`: its failure is none of the pipeline."""

    id: str
    name: str
    state: State
    seconds: float | None = None
    url: str = ""
    optional: bool = False


class StageInfo(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Jobs that run together. `changes`: it changes something outside, such as a deploy."""

    name: str
    state: State
    jobs: tuple[JobInfo, ...] = ()
    changes: bool = False


class PipelineInfo(msgspec.Struct, frozen=True, kw_only=True):
    """A pipeline as its provider tells it. `attempt` grows when the provider runs it again, 0: it does not count.

    `ended_before` says when a pipeline that goes on had ended. `stages` is None when nothing was told of them.
    """

    id: str
    state: State
    ref: str = ""
    commit: str = ""
    name: str = ""
    url: str = ""
    by: str = ""
    attempt: int = 0
    ended_before: datetime | None = None
    stages: tuple[StageInfo, ...] | None = None
    changed_at: datetime | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None


def stage_of(name: str, jobs: Sequence[JobInfo], *, changes: bool | None = None) -> StageInfo:
    """Return a stage with the state that its jobs give it."""
    states = [State.SUCCEEDED if job.optional and job.state == State.FAILED else job.state for job in jobs]
    state = min(states, key=_WEIGHT.index, default=State.QUEUED)
    if state == State.SUCCEEDED and all(each == State.SKIPPED for each in states):
        state = State.SKIPPED
    found = sounds_like_a_change(name, *(job.name for job in jobs)) if changes is None else changes
    return StageInfo(name=clean(name), state=state, jobs=tuple(jobs), changes=found)


_CHANGING = ("deploy", "release", "publish", "prod", "migrat", "rollout", "rollback", "destroy", "apply", "promote")


def sounds_like_a_change(*names: str) -> bool:
    """Tell by their names whether jobs change something outside. A forge does not say, and asking once too often
    costs a press."""
    return any(word in name.lower() for name in names for word in _CHANGING)


def is_changing(stages: Iterable[StageInfo]) -> bool:
    """Tell whether a stage that changes something is at work."""
    return any(stage.changes and stage.state == State.RUNNING for stage in stages)


def clean(text: object, limit: int = NAME_CHARS) -> str:
    """Return a text from outside as one bounded line of characters that are seen."""
    line = " ".join(str(text or "").split())
    seen = "".join(char if char.isprintable() else "\ufffd" for char in line)
    return seen if len(seen) <= limit else f"{seen[: limit - 1]}…"


def clean_url(text: object) -> str:
    """Return an address of a page that may be shown as a link, or an empty text."""
    url = str(text or "")
    fine = url.startswith(("https://", "http://")) and len(url) <= URL_CHARS and url.isprintable() and " " not in url
    return url if fine else ""


def to_rows(stages: Sequence[StageInfo]) -> list[dict[str, Any]]:
    """Return stages as JSON."""
    rows: list[dict[str, Any]] = msgspec.to_builtins(list(stages))
    return rows


def from_rows(rows: object) -> tuple[StageInfo, ...]:
    """Return stages from stored JSON."""
    return msgspec.convert(rows, tuple[StageInfo, ...])
