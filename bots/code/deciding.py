"""What a person decides about changes: keeping those of a /code, or undoing them or any other operation.

Jobs of their own, because git is outside of a command's transaction. Keeping is bound to the commit that the person was
shown. Undoing shows the files and asks first; it never rewrites history: what was merged is taken back by a new commit.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any

import msgspec
from django.conf import settings
from django.db import transaction
from django.utils import translation
from django.utils.translation import gettext as _
from msgspec import Meta

from bots.code import asking, merging, reverting, tree
from bots.code.ending import say_error, show_end
from bots.code.starting import ROLE, access_run, owner_of
from clawsite.core import audit
from clawsite.core.errors import BadInput
from guardrails.types import Actor
from runbooks.books.asking import shorten_line
from runbooks.jobs import JobContext, JobKind, Park
from runbooks.models import CodeRun, Job, Operation, Project
from runbooks.workspaces.access import access_project
from runbooks.workspaces.guarded import check_guarded
from runbooks.workspaces.turns import take_turn
from sessions_app.cards import put_card

KEEP, UNDO = "code_keep", "code_undo"
SECONDS = 900.0
FILES_SHOWN = 20
Outcome = CodeRun.Outcome


class KeepParams(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Which /code, and the beginning of the commit that was shown; "" is the newest one."""

    run: Annotated[int, Meta(ge=1)]
    sha: Annotated[str, Meta(max_length=64)] = ""
    language: Annotated[str, Meta(max_length=16)] = ""


class UndoParams(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Which /code; or a project, and the commit of one of its operations ("" is the last)."""

    run: Annotated[int, Meta(ge=1)] | None = None
    project: Annotated[str, Meta(max_length=64)] = ""
    sha: Annotated[str, Meta(max_length=64)] = ""
    language: Annotated[str, Meta(max_length=16)] = ""


@dataclass(frozen=True, kw_only=True)
class _Target:
    """What is to be undone. Without an operation the changes are on the branch of `run` only."""

    project: Project
    before: str
    sha: str
    title: str
    run: CodeRun | None = None
    operation: Operation | None = None


def keep(ctx: JobContext) -> Any:
    """Merge what is on the branch of a /code."""
    given = msgspec.convert(ctx.params, KeepParams)
    with translation.override(given.language or settings.LANGUAGE_CODE):
        return _keep(ctx, given)


def _keep(ctx: JobContext, given: KeepParams) -> Any:
    actor, job = owner_of(ctx.job), ctx.job
    run = access_run(given.run, actor=actor, session_id=job.session_id, role=ROLE)
    pause = take_turn(ctx, run.project)
    if pause is not None:
        return pause
    run.refresh_from_db()
    if "done" not in ctx.state:
        _merge(ctx, run, given, actor)
    return {"run": run.pk, "outcome": str(run.outcome), "merged": run.merged}


def _merge(ctx: JobContext, run: CodeRun, given: KeepParams, actor: Actor) -> None:
    if run.outcome != Outcome.KEPT:
        raise BadInput(_("There is nothing to keep: no changes of it wait on a branch."))
    if tree.look_again(run):
        show_end(run)
    if given.sha and not run.head.startswith(given.sha):
        raise BadInput(_("The branch has changed since. Look at it once more."))
    check_guarded(run.project, (row[0] for row in run.files), actor=actor, session_id=ctx.job.session_id)
    reason = merging.merge(run, actor=actor)
    run.outcome, run.reason = (Outcome.KEPT, reason) if reason else (Outcome.MERGED, CodeRun.Reason.NONE)
    _tell(ctx, run, "code.keep", made=run.merged)


def undo(ctx: JobContext) -> Any:
    """Take back what a /code, or another operation, has changed; a person agrees first."""
    given = msgspec.convert(ctx.params, UndoParams)
    with translation.override(given.language or settings.LANGUAGE_CODE):
        return _undo(ctx, given)


def _undo(ctx: JobContext, given: UndoParams) -> Any:
    if "done" in ctx.state:
        return {"undone": True, "commit": ctx.state["done"]}
    target = _find(ctx, given)
    pause = take_turn(ctx, target.project)
    if pause is not None:
        return pause
    target = _find(ctx, given)
    digest = hashlib.sha256(f"{target.project.key} {target.before} {target.sha}".encode()).hexdigest()
    agreed = asking.is_agreed(ctx.job, digest)
    if agreed is None:
        _check_target(ctx, target)
        summary = _summary(target)
        return Park(
            for_approval=True, then=partial(asking.ask, ctx.job, target.project, digest=digest, summary=summary)
        )
    if not agreed:
        return {"undone": False}
    return _take_back(ctx, target)


def _check_target(ctx: JobContext, target: _Target) -> None:
    """Raise for what has nothing before it, and for what only a maintainer may take back."""
    if target.operation is None:
        return
    if not target.before:
        raise BadInput(_("This is how the project began. It cannot be undone."))
    paths = [row[0] for row in tree.stat(target.project, target.before, target.sha)]
    check_guarded(target.project, paths, actor=owner_of(ctx.job), session_id=ctx.job.session_id)


def _take_back(ctx: JobContext, target: _Target) -> Any:
    run, made = target.run, ""
    if target.operation is not None:
        made = reverting.revert(ctx, target.project, target.operation, actor=owner_of(ctx.job))
    elif run is not None:
        tree.drop(run)
    if run is not None:
        run.outcome = Outcome.UNDONE if target.operation else Outcome.DROPPED
        _tell(ctx, run, "code.undo", made=made)
    elif ctx.job.session_id is not None:
        text = _("↩️ Undone: {title}").format(title=target.title)
        put_card(f"code:{ctx.key}:done", session_id=ctx.job.session_id, kind="code-note", data={"text": text})
    return {"undone": True, "commit": made}


def _find(ctx: JobContext, given: UndoParams) -> _Target:
    """Return what is meant, as it stands now; NotAllowed when it is out of reach, BadInput when it cannot be undone."""
    actor, session_id = owner_of(ctx.job), ctx.job.session_id
    if given.run is not None:
        run = access_run(given.run, actor=actor, session_id=session_id, role=ROLE)
        operation = Operation.objects.filter(project=run.project, kind=merging.KIND, sha=run.merged).last()
        if run.outcome == Outcome.MERGED and operation is not None:
            return _target_of(operation, run)
        if run.outcome == Outcome.KEPT:
            return _Target(project=run.project, before=run.base, sha=run.head, title=run.request, run=run)
        raise BadInput(_("There is nothing to undo: it changed nothing, or that was undone already."))
    project = access_project(given.project, actor=actor, session_id=session_id, role=ROLE)
    return _find_operation(project, given.sha)


def _find_operation(project: Project, sha: str) -> _Target:
    rows = Operation.objects.filter(project=project).order_by("-pk")
    found = rows.filter(sha__startswith=sha).first() if sha else rows.exclude(kind=reverting.KIND).first()
    if found is None:
        raise BadInput(_("There is no such operation in this project."))
    run = CodeRun.objects.filter(project=project, merged=found.sha).select_related("project", "job").first()
    if run is not None and run.outcome == Outcome.UNDONE:
        raise BadInput(_("That was undone already."))
    return _target_of(found, run)


def _target_of(operation: Operation, run: CodeRun | None) -> _Target:
    return _Target(
        project=operation.project,
        before=operation.before,
        sha=operation.sha,
        title=operation.summary,
        run=run,
        operation=operation,
    )


def _summary(target: _Target) -> str:
    """Return what the deciding person reads: what it was, and every file that would change back."""
    changed = tree.stat(target.project, target.before, target.sha)
    back = [[path, removed, added] for path, added, removed in changed]
    head = (
        _("Undo in {project} by a new commit: {title}")
        if target.operation
        else _("Throw away what is not merged in {project}: {title}")
    ).format(project=target.project.name, title=target.title)
    return "\n".join([head, "", *list_files(back)])


def list_files(rows: Sequence[Sequence[Any]]) -> list[str]:
    """Return the lines that tell which files change, of `tree.stat`; how many more there are is said."""
    lines = [f"{shorten_line(path)}  +{added} −{removed}" for path, added, removed in rows[:FILES_SHOWN]]
    more = len(rows) - FILES_SHOWN
    return [*lines, *([f"… ({more})"] if more > 0 else [])]


def _tell(ctx: JobContext, run: CodeRun, action: str, *, made: str) -> None:
    """Write down and show what was done, and that it is, should the process die before the job's end is written."""
    with transaction.atomic():
        run.save(update_fields=["outcome", "reason", "merged", "conflicts"])
        audit.record(
            action,
            actor=ctx.job.owner,
            subject=f"project:{run.project.key}",
            run=run.pk,
            job=ctx.key,
            outcome=str(run.outcome),
        )
        show_end(run, ring="move")
        ctx.save(done=made)


def end_undo(job: Job) -> None:
    """Take back what is still asked for, and say what went wrong. In the transaction that ends the job."""
    asking.withdraw(job)
    say_error(job)


KEEP_KIND = JobKind(
    name=KEEP,
    run=keep,
    description="Merges what a /code has left on its branch.",
    seconds=SECONDS,
    params=KeepParams,
    ended=say_error,
)
UNDO_KIND = JobKind(
    name=UNDO,
    run=undo,
    description="Takes back what a /code or another operation has changed, once a person agrees.",
    seconds=SECONDS,
    params=UndoParams,
    ended=end_undo,
)
