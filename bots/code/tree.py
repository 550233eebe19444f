"""The working tree and the branch of a /code: made, brought back to its last commit, committed to, and taken away.

Invariant: whatever a process left half done is thrown away before anybody goes on, so work always begins at a commit.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from clawsite.core.errors import BadInput
from guardrails.secrets import find_secrets
from runbooks.models import CodeRun, Project
from runbooks.workspaces import git
from runbooks.workspaces.roots import job_tree

if TYPE_CHECKING:
    from bots.code.desk import Desk

# What git calls a tree without any file.
NOTHING = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"


def branch_of(run: CodeRun) -> str:
    """Return the name of a job's branch."""
    return f"code/{run.pk}"


def prepare(run: CodeRun) -> Path:
    """Return the job's tree at the last commit of its branch; made on first use, else cleaned. May be repeated."""
    git.refresh_tree(run.project)
    git.remove_worktree(run.project, run.job.key)
    return git.add_worktree(run.project, run.job.key, branch_of(run))


def look_again(run: CodeRun) -> bool:
    """Have the row of ended work say what is on its branch; True when it did not.

    A process that was killed, or a job that was stopped, may have left a commit that the row does not know.
    """
    before = (run.head, run.files)
    run.head = git.branch_head(run.project, branch_of(run))
    run.files = stat(run.project, run.base, run.head)
    if (run.head, run.files) == before:
        return False
    run.save(update_fields=["head", "files"])
    return True


def path_of(run: CodeRun) -> Path:
    """Return where the job's tree is."""
    return job_tree(run.project, run.job.key)


def remove(run: CodeRun) -> None:
    """Take the tree away; the branch stays."""
    git.remove_worktree(run.project, run.job.key)


def drop(run: CodeRun) -> None:
    """Take the branch away, too."""
    git.remove_worktree(run.project, run.job.key, branch=branch_of(run))


def head(project: Project, tree: Path | None = None) -> str:
    """Return the newest commit of a tree."""
    return git.head(project, tree)


def reset(project: Project, tree: Path) -> None:
    """Throw away what is not committed; ignored files, such as caches, stay."""
    git.clean_tree(project, tree)


def check_message(text: str) -> None:
    """Raise BadInput for a message that cannot be a commit's subject, or that holds a secret."""
    if find_secrets(text):
        raise BadInput("The message holds a secret. Write it without.")
    if not text.strip() or any(not char.isprintable() for char in text):
        raise BadInput("The message must be one line of plain text.")


def commit(desk: Desk, subject: str) -> str | None:
    """Commit all that has changed, for the person who asked; None when nothing has. What is refused is thrown away."""
    body = f"Asked for by {desk.run.requested_name or desk.run.requested_by} in /code {desk.run.pk}."
    try:
        sha = git.commit_all(
            desk.project,
            desk.tree,
            f"{subject.strip()}\n\n{body}",
            actor=desk.actor,
            op=desk.run.ref,
            job=desk.ctx.key,
        )
    except (BadInput, git.GitFailed):
        reset(desk.project, desk.tree)
        raise
    if sha:
        CodeRun.objects.filter(pk=desk.run.pk).update(head=sha)
        desk.run.head = sha
    return sha


def stat(project: Project, base: str, to: str) -> list[list[Any]]:
    """Return path, lines added and lines removed of each file that differs between two commits."""
    return [[each.path, each.added or 0, each.removed or 0] for each in git.diff_stat(project, base, to)]


def diff(project: Project, base: str, to: str) -> str:
    """Return the difference of two commits as a patch."""
    return git.diff(project, base, to)


def conflicts(project: Project, tree: Path) -> list[str]:
    """Return the paths of a tree that could not be merged."""
    found = git.run_git(project, "diff", "--name-only", "--diff-filter=U", "-z", tree=tree)
    return [path for path in found.stdout.decode(errors="replace").split("\0") if path]


def before_merge(run: CodeRun, merged: str) -> str:
    """Return where the default branch was before this branch came into it, which a process did and then died."""
    done = git.run_git(run.project, "rev-list", "--parents", "-n", "1", merged, "--")
    _commit, *parents = done.stdout.decode().split()
    return parents[0] if run.head in parents[1:] else run.base


def parent_of(project: Project, commit: str) -> str:
    """Return the commit before one; before the first there is nothing."""
    done = git.run_git(project, "rev-parse", "--verify", "--quiet", f"{commit}^", may_fail=True)
    return done.stdout.decode().strip() or NOTHING
