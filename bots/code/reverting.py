"""Taking back an operation of a project by a new commit; history is never rewritten.

Guards: the operation is one that is recorded, it was not taken back before, and what it changed can still be taken out
of what came after it; else the paths that conflict are named and nothing happens.
"""

from __future__ import annotations

from pathlib import Path

from django.utils.translation import gettext as _

from bots.code import tree
from clawsite.core.errors import BadInput
from guardrails.types import Actor
from runbooks.jobs import JobContext
from runbooks.models import Operation, Project
from runbooks.workspaces import git
from runbooks.workspaces.landing import land, recover

KIND = "revert"


def revert(ctx: JobContext, project: Project, operation: Operation, *, actor: Actor) -> str:
    """Make the commit on a branch of its own, merge it, record it; return it. BadInput names the files that conflict.

    May be repeated: the branch is made anew each time.
    """
    subject = _("Undo: {summary}").format(summary=operation.summary)
    title, branch = subject[:72].rstrip(), f"undo/{operation.pk}"
    done = recover(project, branch, title=title, kind=KIND, summary=subject, job=ctx.job, actor=actor)
    if done is not None:
        return done.sha
    path = git.add_worktree(project, ctx.key, branch)
    try:
        _take_back(project, path, operation)
        git.commit_all(project, path, f"{title}\n\nTakes back {operation.sha}.", actor=actor, job=ctx.key)
        made = land(project, branch, kind=KIND, summary=subject, job=ctx.job, actor=actor)
    finally:
        git.remove_worktree(project, ctx.key, branch=branch)
    if made is None:
        raise BadInput(_("There is nothing to undo: it changed nothing, or that was undone already."))
    return made.sha


def _take_back(project: Project, path: Path, operation: Operation) -> None:
    taken = (operation.sha, operation.before, "--")
    patch = git.run_git(project, "diff", "--binary", "--no-ext-diff", "--no-textconv", "--no-color", *taken).stdout
    try:
        with git.alone(project):
            git.run_git(project, "apply", "--3way", "--index", "-", tree=path, stdin=patch)
    except git.GitFailed:
        paths = tree.conflicts(project, path)
        raise BadInput(
            _("It cannot be undone by itself, because these files were changed since: {paths}").format(
                paths=", ".join(paths) or "–"
            )
        ) from None
