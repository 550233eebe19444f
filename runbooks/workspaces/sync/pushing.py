"""The job that pushes a project's branch to its remote."""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta
from typing import Any

import msgspec
from django.utils import timezone

from clawsite.core.errors import ClawError, NotFound, Unavailable
from runbooks.jobs import JobContext, JobKind, Park
from runbooks.jobs.actions import SYSTEM
from runbooks.models import Job, Remote
from runbooks.workspaces import git
from runbooks.workspaces.access import DEVELOPER, check_role
from runbooks.workspaces.askers import asker_of
from runbooks.workspaces.sync.exchange import SECONDS, Standing, compare, fetch, push
from runbooks.workspaces.sync.failures import Failure
from runbooks.workspaces.sync.queue import KIND
from runbooks.workspaces.sync.results import note_failure, note_push

# How long a push waits for another one of the same project to end.
WAIT_SECONDS = 3.0


class Params(msgspec.Struct, forbid_unknown_fields=True):
    """The key of the project."""

    project: str


class PushFailed(ClawError):
    """The remote did not take it. It is tried again by another job."""

    code = "push_failed"


def run(ctx: JobContext) -> Any:
    """Push what the branch is now. What fails is due again later, so nothing is lost with this job."""
    rows = Remote.objects.select_related("project").filter(project__key=ctx.params["project"], enabled=True)
    remote = rows.first()
    _check_order(ctx.job, remote)
    if remote is None:
        return {"pushed": False, "reason": "the remote is off"}
    if _is_pushed_by_another(ctx.job):
        return Park(until=timezone.now() + timedelta(seconds=WAIT_SECONDS))
    due, sha = remote.due_at, git.head(remote.project)
    if not sha:
        return {"pushed": False, "reason": "there is no commit yet"}
    failure = push(remote, sha, check=ctx.check)
    if failure is None:
        note_push(remote, sha, due=due)
        return {"pushed": True, "sha": sha}
    note_failure(remote, failure, _standing(ctx, remote, failure))
    raise PushFailed(failure.text)


def _check_order(job: Job, remote: Remote | None) -> None:
    """Raise unless the push is one of ours, or of somebody who may change the project: any program can make a job."""
    if job.owner == SYSTEM.subject:
        return
    if remote is None:
        raise NotFound("There is no such project, or it has no remote.")
    check_role(remote.project, actor=asker_of(job), session_id=job.session_id, role=DEVELOPER)


def _is_pushed_by_another(job: Job) -> bool:
    others = Job.objects.here().filter(kind=KIND, params__project=job.params["project"], state=Job.State.RUNNING)
    return others.filter(pk__lt=job.pk).exists()


def _standing(ctx: JobContext, remote: Remote, failure: Failure) -> Standing:
    """Return by how much the two differ; of one that is ahead, what it has is fetched first."""
    if failure.problem == "diverged":
        with suppress(Unavailable):  # then it is told as it was seen last
            fetch(remote, check=ctx.check)
    return compare(remote.project)


GIT_PUSH = JobKind(
    name=KIND,
    run=run,
    description="Pushes a project's branch to its remote; never by force.",
    seconds=SECONDS * 2 + 60,
    params=Params,
)
