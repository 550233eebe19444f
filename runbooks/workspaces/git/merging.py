"""Bringing a branch into the project's own, and going back to a commit. Both are made beside the tree, as a whole.

Whoever finds that something else was committed meanwhile changes nothing.
"""

from __future__ import annotations

from clawsite.core.errors import BadInput
from guardrails.types import Actor
from runbooks.models import Project
from runbooks.workspaces.git.calling import Conflict, alone, run_git
from runbooks.workspaces.git.commits import author_of, make_message
from runbooks.workspaces.git.looking import branch_head, head, is_ancestor
from runbooks.workspaces.git.tidying import tidy
from runbooks.workspaces.git.trees import show_head

MAX_PATHS = 50


def merge_branch(project: Project, branch: str, *, actor: Actor, title: str = "", op: str = "", job: str = "") -> str:
    """Bring a branch into the project's: by going forward, or by a commit of both. Conflict names the files."""
    with alone(project):
        ours, theirs = head(project), branch_head(project, branch)
        if is_ancestor(project, theirs, ours):
            return ours
        sha = theirs
        if not is_ancestor(project, ours, theirs):
            message = make_message(title or f"Merge {branch}", actor=actor, op=op or "merge", job=job)
            sha = _commit(project, _merge_trees(project, ours, theirs), [ours, theirs], message, actor)
        _move(project, ours, sha)
        tidy(project)
    return sha


def return_to(project: Project, revision: str, *, actor: Actor, op: str = "rollback", job: str = "") -> str:
    """Give the project the files of an earlier commit of its branch, as a new commit; return that.

    BadInput when the commit is not part of the branch, or when there is no difference.
    """
    with alone(project):
        ours, target = head(project), branch_head(project, revision)
        if not is_ancestor(project, target, ours):
            raise BadInput(f"The commit {target[:8]} is not part of {project.branch}.")
        if has_same_files(project, target, ours):
            raise BadInput(f"The project has the files of {target[:8]} already.")
        subject = run_git(project, "log", "-1", "--format=%s", target).stdout.decode("utf-8", "replace").strip()
        text = f"Return to {target[:8]}: {subject}"[:72] + f"\n\nThe files are those of {target}."
        made = _commit(
            project, _tree_of(project, target), [ours], make_message(text, actor=actor, op=op, job=job), actor
        )
        _move(project, ours, made)
    return made


def has_same_files(project: Project, one: str, other: str) -> bool:
    """Tell whether two commits hold the same files."""
    return _tree_of(project, one) == _tree_of(project, other)


def _merge_trees(project: Project, ours: str, theirs: str) -> str:
    """Return the tree of both; Conflict where they touch the same."""
    done = run_git(
        project, "merge-tree", "--write-tree", "--no-messages", "--name-only", "-z", ours, theirs, may_fail=True
    )
    tree, *paths = done.stdout.decode("utf-8", "replace").rstrip("\0").split("\0")
    if done.code == 1:
        raise _conflict(paths)
    if not done.ok:
        raise Conflict("The branches have no common beginning.", paths=[])
    return tree.strip()


def _conflict(paths: list[str]) -> Conflict:
    found = sorted({path for path in paths if path})[:MAX_PATHS]
    return Conflict(f"Both changed the same lines: {', '.join(found[:5]) or 'unknown files'}.", paths=found)


def _tree_of(project: Project, commit: str) -> str:
    return run_git(project, "rev-parse", f"{commit}^{{tree}}").stdout.decode().strip()


def _commit(project: Project, tree: str, parents: list[str], message: str, actor: Actor) -> str:
    options = [part for parent in parents for part in ("-p", parent)]
    done = run_git(project, "commit-tree", *options, "-F", "-", tree, stdin=message.encode(), env=author_of(actor))
    return done.stdout.decode().strip()


def _move(project: Project, before: str, after: str) -> None:
    """Move the branch, if it still is where it was, and then its files."""
    run_git(project, "update-ref", f"refs/heads/{project.branch}", after, before)
    show_head(project)
