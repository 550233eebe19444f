"""Bringing a job's branch to the default branch.

Invariant: a merge is recorded as one operation of the project, also when the process died between the two.
"""

from __future__ import annotations

from django.db import transaction

from bots.code import tree
from bots.code.board import short
from guardrails.types import Actor
from runbooks.models import CodeRun, Operation
from runbooks.workspaces import git
from runbooks.workspaces.operations import record_operation

KIND = "code"
SUMMARY_CHARS = 200


def catch_up(run: CodeRun) -> list[str]:
    """Merge what the default branch has got meanwhile into the job's tree; return the paths that conflict."""
    main = git.head(run.project)
    path = tree.path_of(run)
    if main == run.base or git.is_ancestor(run.project, main, run.head):
        return []
    with git.alone(run.project):
        try:
            git.run_git(run.project, "merge", "--no-edit", "--quiet", main, tree=path)
        except git.GitFailed:
            conflicts = tree.conflicts(run.project, path)
            git.run_git(run.project, "merge", "--abort", tree=path)
            return conflicts
    run.base, run.head = main, git.head(run.project, path)
    run.save(update_fields=["base", "head"])
    return []


def merge(run: CodeRun, *, actor: Actor) -> str:
    """Merge the branch and record it; return why not, or "". May be repeated."""
    project, before = run.project, git.head(run.project)
    if git.is_ancestor(project, run.head, before):
        sha, before = before, tree.before_merge(run, before)
    else:
        try:
            sha = git.merge_branch(project, tree.branch_of(run), actor=actor, op=run.ref, job=run.job.key)
        except git.Conflict as conflict:
            run.conflicts = list(conflict.paths)
            return CodeRun.Reason.CONFLICT
    with transaction.atomic():
        if not Operation.objects.filter(project=project, job=run.job).exists():
            record_operation(
                project,
                kind=KIND,
                sha=sha,
                before=before,
                job=run.job,
                actor=actor,
                summary=short(run.request, SUMMARY_CHARS),
            )
        run.merged, run.conflicts = sha, []
    return ""
