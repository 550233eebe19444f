"""Bringing a job's branch into the project's and recording that, also when the process dies between the two.

Invariant: what a job brought to the branch is recorded as one operation. A job that begins again after such a death
asks `recover` first; it holds the project's turn all the while, so what it left is the newest commit of the branch.
"""

from __future__ import annotations

from guardrails.types import Actor
from runbooks.models import Job, Operation, Project
from runbooks.workspaces import git
from runbooks.workspaces.operations import record_operation


def land(project: Project, branch: str, *, kind: str, summary: str, job: Job, actor: Actor) -> Operation | None:
    """Merge a branch and record it; None when it brings nothing. git.Conflict names the files in the way."""
    before = git.head(project)
    sha = git.merge_branch(project, branch, actor=actor, op=kind, job=job.key)
    if sha == before:
        return None
    return record_operation(project, kind=kind, sha=sha, before=before, job=job, actor=actor, summary=summary)


def recover(
    project: Project, branch: str, *, title: str, kind: str, summary: str, job: Job, actor: Actor
) -> Operation | None:
    """Return what the job did before its process died, and record it where that is missing; None when it did nothing.

    `title` is that of its commit. Its tree and branch go.
    """
    git.remove_worktree(project, job.key, branch=branch)
    known = Operation.objects.filter(project=project, kind=kind, job=job).last()
    if known is not None:
        return known
    form = "--format=%H%n%P%n%s%n%(trailers:key=Job,valueonly)%n"
    found = git.run_git(project, "log", "-1", form, "HEAD").stdout.decode("utf-8", "replace")
    sha, parents, subject, owner, *_ = found.split("\n")
    if (subject, owner) != (title, job.key) or not parents:
        return None
    before = parents.split()[0]
    return record_operation(project, kind=kind, sha=sha, before=before, job=job, actor=actor, summary=summary)
