"""The jobs of GitOps, as others start them. A command only asks: what it takes is in git, so jobs look at it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import msgspec
from msgspec import Meta

from guardrails.types import Actor, Role
from runbooks.jobs import create_job
from runbooks.models import ChangeRequest, Job, Project

KIND, MERGE = "gitops", "gitops_merge"
Word = Annotated[str, Meta(max_length=500)]


class Params(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """The key of the project, the command without its slash, and the words after it."""

    project: Annotated[str, Meta(min_length=1, max_length=64)]
    command: Annotated[str, Meta(min_length=1, max_length=32)]
    words: Annotated[list[Word], Meta(max_length=20)] = []


class MergeParams(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """The number of a change request."""

    change: Annotated[int, Meta(ge=1)]


def start_command(
    project: Project,
    command: str,
    words: Sequence[str],
    *,
    actor: Actor,
    session_id: int | None,
    origin: str = "",
    idempotency_key: str = "",
) -> Job:
    """Start what a command of the project's own does. The job checks who may."""
    params = {"project": project.key, "command": command, "words": list(words)}
    return create_job(
        KIND,
        params=params,
        actor=actor,
        session_id=session_id,
        start=True,
        origin=origin,
        idempotency_key=idempotency_key,
    )


def start_merge(change: ChangeRequest, *, actor: Actor | None = None, origin: str = "") -> Job:
    """Start the merge of a change, on behalf of whoever says so, else of who asked for the change."""
    asked = Actor(subject=change.requested_by, role=Role.OPERATOR, name=change.requested_name)
    return create_job(
        MERGE,
        params={"change": change.pk},
        actor=actor or asked,
        session_id=change.session_id,
        start=True,
        origin=origin,
    )
