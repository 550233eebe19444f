"""The job that brings a remote's changes into a project: forward, by a merge, or by what people say of a conflict.

Of a conflict nothing is decided here. People may have the project's lines or the remote's win where both changed the
same ones, or have the project's line of commits pushed as a branch of its own, to be merged where the remote is.
What decides what runs takes a maintainer to pull, as it does to change.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from clawsite.core.errors import BadInput
from guardrails.types import Actor
from runbooks.jobs import JobContext, JobKind
from runbooks.models import Project, Remote
from runbooks.workspaces import git
from runbooks.workspaces.access import DEVELOPER, access_project
from runbooks.workspaces.askers import asker_of
from runbooks.workspaces.git.calling import dirs_of
from runbooks.workspaces.git.commits import author_of, make_message
from runbooks.workspaces.git.tidying import check_commit
from runbooks.workspaces.gitops.ending import say_error
from runbooks.workspaces.guarded import check_guarded
from runbooks.workspaces.operations import record_operation
from runbooks.workspaces.sync.exchange import SECONDS, compare, fetch, push, tracking
from runbooks.workspaces.sync.failures import shown
from runbooks.workspaces.sync.pushing import PushFailed
from runbooks.workspaces.sync.results import note_failure, tell
from runbooks.workspaces.turns import take_turn

KIND = "git_pull"
TITLE = "Merge the remote's changes"
Choice = Literal["", "ours", "theirs", "branch"]


class Params(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """The key of the project, and what is done about a conflict."""

    project: str
    choice: Choice = ""


def run(ctx: JobContext) -> Any:
    """Fetch, bring both together, record it, and say what came of it."""
    actor = asker_of(ctx.job)
    project = access_project(ctx.params["project"], actor=actor, session_id=ctx.job.session_id, role=DEVELOPER)
    remote = Remote.objects.select_related("project").filter(project=project, enabled=True).first()
    if remote is None:
        raise BadInput("This project has no remote.")
    pause = take_turn(ctx, project)
    if pause is not None:
        return pause
    if ctx.params["choice"] == "branch":
        return _push_branch(ctx, remote)
    failure = fetch(remote, check=ctx.check)
    if failure is not None:
        note_failure(remote, failure, compare(project))
        raise PushFailed(failure.text)
    return _bring_together(ctx, remote, actor)


def _bring_together(ctx: JobContext, remote: Remote, actor: Actor) -> dict[str, Any]:
    project = remote.project
    if "before" not in ctx.state:
        ctx.save(before=git.head(project), behind=compare(project).behind)
    before, count = str(ctx.state["before"]), int(ctx.state["behind"])
    try:
        sha = _merge(ctx, project, actor)
    except git.Conflict as error:
        standing = compare(project)
        Remote.objects.filter(pk=remote.pk).update(
            state=Remote.State.DIVERGED, error=error.message, told=True, ahead=standing.ahead, behind=standing.behind
        )
        remote.refresh_from_db()
        tell(remote, "conflict", paths=error.paths, session_id=ctx.job.session_id)
        return {"pulled": False, "conflicts": error.paths}
    if sha != before:
        summary = f"Pulled {count} commits from the remote"
        record_operation(project, kind="pull", sha=sha, before=before, job=ctx.job, actor=actor, summary=summary)
    Remote.objects.filter(pk=remote.pk).update(behind=0, ahead=compare(project).ahead)
    remote.refresh_from_db()
    tell(remote, "pulled" if sha != before else "same", session_id=ctx.job.session_id, text=str(count))
    return {"pulled": sha != before, "sha": sha, "commits": count}


def _merge(ctx: JobContext, project: Project, actor: Actor) -> str:
    """Return the commit that has both lines; Conflict names the files that nobody has decided about."""
    theirs = git.branch_head(project, tracking(project))  # what is looked at is merged: a push may fetch meanwhile
    check_commit(project, theirs)
    check_guarded(project, _changed_there(project, theirs), actor=actor, session_id=ctx.job.session_id)
    try:
        return git.merge_branch(project, theirs, title=TITLE, actor=actor, op="sync pull", job=ctx.key)
    except git.Conflict:
        if not ctx.params["choice"]:
            raise
    branch = f"sync/{ctx.key}"
    git.remove_worktree(project, ctx.key, branch=branch)  # what an earlier run left that was killed
    try:
        _settle(ctx, project, branch, theirs, actor)
        return git.merge_branch(project, branch, actor=actor, op="sync pull", job=ctx.key)
    finally:
        git.remove_worktree(project, ctx.key, branch=branch)


def _changed_there(project: Project, theirs: str) -> list[str]:
    """Return the files that the remote has changed since both were the same."""
    base = git.run_git(project, "merge-base", "HEAD", theirs, may_fail=True).stdout.decode().strip()
    return [each.path for each in git.diff_stat(project, base or "HEAD", theirs)]


def _settle(ctx: JobContext, project: Project, branch: str, theirs: str, actor: Actor) -> None:
    """Merge on a branch beside the project's, where one side wins in the lines that both changed."""
    choice = ctx.params["choice"]
    dirs = dirs_of(project, git.add_worktree(project, ctx.key, branch))
    message = make_message(f"{TITLE} ({choice} first)", actor=actor, op="sync pull", job=ctx.key)
    with git.alone(project):
        done = git.run_git(
            dirs, "merge", "-q", "--no-ff", "--no-edit", "-X", choice, "-m", message, theirs,
            env=author_of(actor), check=ctx.check, may_fail=True,
        )  # fmt: skip
    if not done.ok:
        listed = git.run_git(dirs, "diff", "--name-only", "--diff-filter=U", "-z").stdout.decode("utf-8", "replace")
        paths = sorted({path for path in listed.split("\0") if path})
        if not paths:
            raise git.GitFailed(shown(done.stderr.decode("utf-8", "replace")))
        raise git.Conflict("One side removed what the other changed.", paths=paths)


def _push_branch(ctx: JobContext, remote: Remote) -> dict[str, Any]:
    """Push the project's line as a branch of its own, so that both can be merged where the remote is."""
    sha = git.head(remote.project)
    branch = f"clawsite/{sha[:12]}"
    failure = push(remote, sha, branch=branch, check=ctx.check)
    if failure is not None:
        raise PushFailed(failure.text)
    tell(remote, "branch", session_id=ctx.job.session_id, text=branch)
    return {"pushed": True, "branch": branch, "sha": sha}


GIT_PULL = JobKind(
    name=KIND,
    run=run,
    description="Brings a remote's changes into a project, or says where both changed the same.",
    seconds=SECONDS * 2 + 60,
    params=Params,
    ended=say_error,
)
