"""Bringing a change request into the default branch: the commit that was approved, and no other.

Invariant: a merge is recorded as one operation of the project, also when the process died between the two.
"""

from __future__ import annotations

from typing import Any

import msgspec
from django.db import transaction

from clawsite.core.errors import BadInput, NotFound
from guardrails.types import Actor
from runbooks.jobs import JobContext, JobKind
from runbooks.models import ChangeRequest
from runbooks.workspaces import git
from runbooks.workspaces.access import access_project
from runbooks.workspaces.gitops.asking import is_agreed, withdraw
from runbooks.workspaces.gitops.ending import say_error
from runbooks.workspaces.gitops.people import actor_of
from runbooks.workspaces.gitops.showing import UNDECIDED, State, end_change
from runbooks.workspaces.gitops.starting import MERGE, MergeParams
from runbooks.workspaces.operations import record_operation
from runbooks.workspaces.turns import take_turn

SECONDS = 600.0


def run(ctx: JobContext) -> Any:
    """Merge one change request, if it still is what people agreed to."""
    given, actor = msgspec.convert(ctx.params, MergeParams), actor_of(ctx.job)
    change = ChangeRequest.objects.select_related("project").filter(pk=given.change).first()
    if change is None:
        raise NotFound("There is no such change.")
    access_project(change.project.key, actor=actor, session_id=ctx.job.session_id, role=change.role)
    pause = take_turn(ctx, change.project)
    if pause is not None:
        return pause
    change.refresh_from_db()
    return merge_change(ctx, change, actor=actor)


def merge_change(ctx: JobContext, change: ChangeRequest, *, actor: Actor) -> dict[str, Any]:
    """Merge and record it, or end the change with what is in the way. It is this job's turn. Safe to repeat."""
    if change.state not in UNDECIDED:
        return result_of(change)
    if not is_agreed(change):
        raise BadInput("This change is not approved.")
    if not _is_as_approved(change):
        _end(change, State.MOVED, by=actor.subject)
        return result_of(change)
    if "before" not in ctx.state:
        ctx.save(before=git.head(change.project))
    try:
        sha = git.merge_branch(change.project, change.commit, actor=actor, op=change.line, job=ctx.key)
    except git.Conflict as conflict:
        _end(change, State.CONFLICT, by=actor.subject, conflicts=conflict.paths)
        return result_of(change)
    _record(ctx, change, sha, actor=actor)
    return result_of(change)


def result_of(change: ChangeRequest) -> dict[str, Any]:
    """Return what a job says of a change."""
    return {"change": change.pk, "state": str(change.state), "commit": change.commit, "merged": change.merged}


def _is_as_approved(change: ChangeRequest) -> bool:
    """Tell whether the branch still ends with the commit that people were shown."""
    try:
        return git.branch_head(change.project, f"refs/heads/{change.branch}") == change.commit
    except BadInput:
        return False


def _record(ctx: JobContext, change: ChangeRequest, sha: str, *, actor: Actor) -> None:
    before = str(ctx.state["before"])
    with transaction.atomic():
        if sha != before:
            record_operation(
                change.project, kind="gitops", sha=sha, before=before, job=ctx.job, actor=actor, summary=change.title
            )
        _end(change, State.MERGED, by=actor.subject, merged=sha)


def _end(change: ChangeRequest, state: State, *, by: str, **values: Any) -> None:
    with transaction.atomic():
        end_change(change, state, by=by, **values)
        withdraw(change, actor="system")


GITOPS_MERGE = JobKind(
    name=MERGE,
    run=run,
    description="Merges a change request that may be merged.",
    seconds=SECONDS,
    params=MergeParams,
    ended=say_error,
)
