"""Going back to an earlier commit of a project: its files, as a new commit. History is never rewritten.

A person who may change the project agrees first, to exactly this commit on top of exactly that one.
"""

from __future__ import annotations

import hashlib
from functools import partial
from typing import Annotated, Any

import msgspec
from django.conf import settings
from django.utils import translation
from django.utils.translation import gettext as _
from msgspec import Meta

from bots.code import asking, tree
from bots.code.deciding import SECONDS, end_undo, list_files
from bots.code.starting import ROLE, owner_of
from clawsite.core import audit
from runbooks.jobs import JobContext, JobKind, Park
from runbooks.models import Project
from runbooks.workspaces import git
from runbooks.workspaces.access import access_project
from runbooks.workspaces.guarded import check_guarded
from runbooks.workspaces.operations import record_operation
from runbooks.workspaces.turns import take_turn
from sessions_app.cards import put_card

NAME = "code_return"
KIND = "return"


class Params(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Which project, and the commit whose files it gets."""

    project: Annotated[str, Meta(min_length=1, max_length=64)]
    sha: Annotated[str, Meta(min_length=4, max_length=64)]
    language: Annotated[str, Meta(max_length=16)] = ""


def run(ctx: JobContext) -> Any:
    """Ask, then go back."""
    given = msgspec.convert(ctx.params, Params)
    with translation.override(given.language or settings.LANGUAGE_CODE):
        project = access_project(given.project, actor=owner_of(ctx.job), session_id=ctx.job.session_id, role=ROLE)
        pause = take_turn(ctx, project)
        return pause if pause is not None else _go_back(ctx, project, given.sha)


def _go_back(ctx: JobContext, project: Project, revision: str) -> Any:
    target, before = git.branch_head(project, revision), str(ctx.state.get("before", ""))
    if before and git.head(project) != before and git.has_same_files(project, target, "HEAD"):
        return _record(ctx, project, target, before=before, made=git.head(project))  # our process died after it
    before = git.head(project)
    digest = hashlib.sha256(f"{project.key} {before} back to {target}".encode()).hexdigest()
    agreed = asking.is_agreed(ctx.job, digest)
    if agreed is None:
        summary = _summarize(ctx, project, before, target)
        return Park(for_approval=True, then=partial(asking.ask, ctx.job, project, digest=digest, summary=summary))
    if not agreed:
        return {"returned": False}
    ctx.save(before=before)
    made = git.return_to(project, target, actor=owner_of(ctx.job), job=ctx.key)
    return _record(ctx, project, target, before=before, made=made)


def _summarize(ctx: JobContext, project: Project, before: str, target: str) -> str:
    """Return what the deciding person reads; raise for what only a maintainer may bring back."""
    rows = tree.stat(project, before, target)
    check_guarded(project, [row[0] for row in rows], actor=owner_of(ctx.job), session_id=ctx.job.session_id)
    head = _("Go back to {commit} in {project} by a new commit.").format(commit=target[:8], project=project.name)
    return "\n".join([head, "", *list_files(rows)])


def _record(ctx: JobContext, project: Project, target: str, *, before: str, made: str) -> Any:
    actor = owner_of(ctx.job)
    summary = _("Return to {commit}").format(commit=target[:8])
    record_operation(project, kind=KIND, sha=made, before=before, job=ctx.job, actor=actor, summary=summary)
    audit.record("code.return", actor=ctx.job.owner, subject=project.ref, job=ctx.key, to=target, commit=made)
    if ctx.job.session_id is not None:
        text = _("↩️ {project} is as it was at {commit}.").format(project=project.name, commit=target[:8])
        put_card(f"code:{ctx.key}:done", session_id=ctx.job.session_id, kind="code-note", data={"text": text})
    return {"returned": True, "commit": made}


RETURN_KIND = JobKind(
    name=NAME,
    run=run,
    description="Gives a project the files of an earlier commit, as a new one, once a person agrees.",
    seconds=SECONDS,
    params=Params,
    ended=end_undo,
)
