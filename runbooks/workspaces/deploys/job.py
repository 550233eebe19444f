"""The job that brings a commit to an environment, or takes it back: gates, place in the queue, plan, run."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from guardrails.types import Role
from runbooks.books.running import Stretch
from runbooks.jobs import JobContext, JobKind
from runbooks.models import Deploy, Job, Run
from runbooks.workspaces.access import get_project
from runbooks.workspaces.deploys.ending import end_deploy
from runbooks.workspaces.deploys.environments import live_in
from runbooks.workspaces.deploys.opening import begin_run, open_deploy
from runbooks.workspaces.deploys.queueing import count_before, wait_for_place
from runbooks.workspaces.deploys.releases import KEPT, LOOKED_AT, prune
from runbooks.workspaces.deploys.showing import show_deploy
from runbooks.workspaces.deploys.starting import KIND

# One stretch of work without a pause.
SECONDS = 4 * 3600.0


class Params(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Which commit ("": the newest; of a rollback the one before) goes where. after: a deploy that ended half done."""

    project: Annotated[str, Meta(min_length=1, max_length=64)]
    environment: Annotated[str, Meta(min_length=1, max_length=32)]
    ref: Annotated[str, Meta(max_length=200)] = ""
    kind: Literal["deploy", "rollback"] = "deploy"
    after: int | None = None


def run(ctx: JobContext) -> Any:
    """Go on with the deploy of this job."""
    project = get_project(ctx.params["project"])
    deploy = _find(ctx.job)
    if deploy is None:
        show_deploy(ctx.job)
        deploy = open_deploy(ctx.job, project)
    pause = wait_for_place(deploy)
    if pause is not None:
        show_deploy(ctx.job, deploy=deploy, ahead=count_before(deploy))
        return pause
    found = Run.objects.filter(job_id=ctx.job.pk).first() or begin_run(ctx.job, deploy)
    show_deploy(ctx.job, deploy=deploy, run=found)
    pause = Stretch(ctx, found, show=lambda run, job: show_deploy(job, deploy=deploy, run=run)).work()
    if pause is not None:
        return pause
    prune(project, deploy.environment.name, keep=_kept(deploy))
    return {"deploy": deploy.pk, "commit": deploy.commit}


def _find(job: Job) -> Deploy | None:
    return Deploy.objects.select_related("project", "environment").filter(job_id=job.pk).first()


def _kept(deploy: Deploy) -> set[str]:
    """Return the commits whose releases stay: the last good ones, the new one, and what it replaces."""
    good = (Deploy.State.LIVE, Deploy.State.REPLACED)
    rows = Deploy.objects.filter(environment=deploy.environment, state__in=good).order_by("-pk")
    kept = {deploy.commit, deploy.before}
    live = live_in(deploy.environment)
    kept |= {live.commit} if live is not None else set()
    for commit in rows.values_list("commit", flat=True)[:LOOKED_AT]:
        if len(kept - {""}) >= KEPT:
            break
        kept.add(commit)
    return kept - {""}


DEPLOY = JobKind(
    name=KIND,
    run=run,
    description="Brings a commit of a project to an environment, or takes it back.",
    seconds=SECONDS,
    repeatable=True,
    role=Role.OPERATOR,
    params=Params,
    ended=end_deploy,
)
