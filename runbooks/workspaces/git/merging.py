"""Bringing a branch into the project's own, and taking a commit back. Both are made beside the tree, as a whole.

Whoever finds that something else was committed meanwhile changes nothing.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from clawsite.core.errors import BadInput
from guardrails.types import Actor
from runbooks.models import Project
from runbooks.workspaces.git.calling import Conflict, alone, run_git
from runbooks.workspaces.git.commits import author_of, make_message
from runbooks.workspaces.git.looking import branch_head, head
from runbooks.workspaces.git.trees import show_head

MAX_PATHS = 50


def merge_branch(project: Project, branch: str, *, actor: Actor, op: str = "", job: str = "") -> str:
    """Bring a branch into the project's: by going forward, or by a commit of both. Conflict names the files."""
    with alone(project):
        ours, theirs = head(project), branch_head(project, branch)
        if _is_in(project, theirs, ours):
            return ours
        sha = theirs
        if not _is_in(project, ours, theirs):
            message = make_message(f"Merge {branch}", actor=actor, op=op or "merge", job=job)
            sha = _commit(project, _merge_trees(project, ours, theirs), [ours, theirs], message, actor)
        _move(project, ours, sha)
    return sha


def revert_commit(project: Project, sha: str, *, actor: Actor, op: str = "revert", job: str = "") -> str:
    """Take back what one commit changed, as a new commit of the project's branch. Conflict names the files."""
    with alone(project):
        ours, target = head(project), branch_head(project, sha)
        if not _is_in(project, target, ours):
            raise BadInput(f"The commit {target[:8]} is not part of {project.branch}.")
        if not run_git(project, "rev-parse", "-q", "--verify", f"{target}^", may_fail=True).ok:
            raise BadInput("The first commit of a project cannot be taken back.")
        tree = _undo(project, target)
        if tree == _tree_of(project, ours):
            raise BadInput(f"What the commit {target[:8]} changed is not there any more.")
        subject = run_git(project, "log", "-1", "--format=%s", target).stdout.decode("utf-8", "replace").strip()
        text = f'Revert "{subject}"\n\nThis reverts commit {target}.'
        made = _commit(project, tree, [ours], make_message(text, actor=actor, op=op, job=job), actor)
        _move(project, ours, made)
    return made


def _is_in(project: Project, commit: str, later: str) -> bool:
    return run_git(project, "merge-base", "--is-ancestor", commit, later, may_fail=True).ok


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


def _undo(project: Project, target: str) -> str:
    """Return the tree of the branch without what one commit changed, made in an index of its own."""
    patch = run_git(
        project, "diff", "--no-ext-diff", "--no-textconv", "--binary", "--full-index", target, f"{target}^", "--"
    )
    with tempfile.TemporaryDirectory(prefix="claw-index-") as folder:
        index = {"GIT_INDEX_FILE": str(Path(folder, "index"))}
        run_git(project, "read-tree", "HEAD", env=index)
        if not patch.stdout:
            return _tree_of(project, "HEAD")
        done = run_git(
            project, "apply", "--cached", "--3way", "--whitespace=nowarn", stdin=patch.stdout, env=index, may_fail=True
        )
        if not done.ok:
            listed = run_git(project, "ls-files", "-u", "-z", env=index).stdout.decode("utf-8", "replace")
            changed = run_git(project, "diff", "--name-only", "-z", target, f"{target}^", "--").stdout
            paths = [line.partition("\t")[2] for line in listed.split("\0") if line]
            raise _conflict(paths or changed.decode("utf-8", "replace").split("\0"))
        return run_git(project, "write-tree", env=index).stdout.decode().strip()


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
