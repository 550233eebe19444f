"""The job that runs a runbook."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from django.db import transaction
from msgspec import Meta

from clawsite.core.errors import NotAllowed
from guardrails.types import Actor, Role
from runbooks.books.asking import name_of
from runbooks.books.ending import end_run
from runbooks.books.running import Stretch
from runbooks.books.showing import show_run
from runbooks.books.starting import KIND, get_runbook, make_run
from runbooks.books.undoing import roll_back_cancelled
from runbooks.jobs import JobContext, JobKind, Park
from runbooks.models import Job, Run

# One stretch of work without a pause.
SECONDS = 4 * 3600.0


class Params(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Which runbook with which parameters; dry_run only shows the plan; group is the alert group it is run for.

    undo is the number of a run that is rolled back instead.
    """

    name: Annotated[str, Meta(min_length=1, max_length=64)]
    parameters: dict[str, str | int | float | bool | None] = {}
    dry_run: bool = False
    group: int | None = None
    undo: int | None = None


def run(ctx: JobContext) -> Any:
    """Go on with the run of this job."""
    found = _run_of(ctx.job)
    if found.dry_run:
        for number, step in enumerate(found.plan, start=1):
            ctx.emit("plan", {"number": number, "title": step["title"], "text": step["shown"]})
        return {"run": found.pk, "plan": found.plan}
    show_run(found, ctx.job)
    pause = Stretch(ctx, found).work()
    return pause if isinstance(pause, Park) else {"run": found.pk}


def _run_of(job: Job) -> Run:
    """Return the run, making it for a job that was created as such, by a schedule or a program."""
    with transaction.atomic():
        found = Run.objects.filter(job_id=job.pk).first()
        if found is not None:
            return found
        actor = Actor(subject=job.owner, role=Role.OPERATOR, name=name_of(job.requested_by))
        return make_run(job, actor=actor)


def check(params: dict[str, Any], owner: str) -> None:
    """Raise for what a schedule could not run: schedules act as operators."""
    if get_runbook(params["name"]).role != Role.OPERATOR:
        raise NotAllowed("A schedule runs what operators may run, and this runbook is for admins.")


def tell_end(job: Job) -> None:
    """Do what belongs to the end of a run; one that was cancelled may be rolled back."""
    end_run(job, then=roll_back_cancelled)


RUNBOOK = JobKind(
    name=KIND,
    run=run,
    description="Runs a runbook: its steps in order, with their tries, approvals and rollbacks.",
    seconds=SECONDS,
    repeatable=True,
    role=Role.OPERATOR,
    params=Params,
    check=check,
    ended=tell_end,
)
