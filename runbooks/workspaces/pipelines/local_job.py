"""The job that runs a pipeline here: the stages of its commit, one after the other, in the sandbox.

It may begin again after a crash: what succeeded stays done, and a stage that only looks runs once more. One that
changes something and was at work when its process died has failed, because nobody knows how far it came.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any

import msgspec
from django.db import transaction
from django.utils import timezone
from msgspec import Meta

from clawsite.core.errors import BadInput, ClawError, NotAllowed
from clawsite.core.redaction import redact
from guardrails.models import Approval
from guardrails.processes import Completed
from guardrails.types import Role
from runbooks.books.asking import name_of
from runbooks.jobs import JobContext, JobKind, Park
from runbooks.models import Job, Pipeline, Project
from runbooks.workspaces.access import DEVELOPER, get_project, is_decided_still
from runbooks.workspaces.manifest import Stage
from runbooks.workspaces.pipelines import local_asking
from runbooks.workspaces.pipelines.actions import LOCAL_KIND
from runbooks.workspaces.pipelines.local_plan import changes, digest_of, read_plan, stage_info
from runbooks.workspaces.pipelines.local_rows import begin_row, end_row, store_stages
from runbooks.workspaces.pipelines.local_tree import export_tree, has_tree, remove_old_trees, remove_tree
from runbooks.workspaces.pipelines.orders import check_order
from runbooks.workspaces.pipelines.showing import show_answer, show_pipeline
from runbooks.workspaces.pipelines.values import StageInfo, State, from_rows
from runbooks.workspaces.quotas import check_tree
from runbooks.workspaces.running import run_in_tree

# One stretch of work without a pause.
SECONDS = 4 * 3600.0
TELL_SECONDS = 1.0
TAIL_BYTES = 16_000


class Params(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """A project and the branch that is run; or a pipeline of it that is run again from what failed."""

    project: Annotated[str, Meta(max_length=64)]
    ref: Annotated[str, Meta(max_length=200)] = ""
    pipeline: int | None = None
    seal: Annotated[str, Meta(max_length=200)] = ""


def run(ctx: JobContext) -> Any:
    """Go on with the pipeline of this job."""
    given = msgspec.convert(ctx.params, Params)
    project = get_project(given.project)
    check_order(ctx.job, project, role=DEVELOPER)
    row = begin_row(ctx.job, project, ref=given.ref, by=name_of(ctx.job.requested_by))
    if row.state == State.QUEUED and ctx.job.session_id is not None:
        show_pipeline(row, ask_session=ctx.job.session_id)
    return LocalRun(ctx, row).work()


class LocalRun:
    """One stretch of a pipeline's work."""

    def __init__(self, ctx: JobContext, row: Pipeline) -> None:
        self._ctx = ctx
        self._row = row
        self._plan = read_plan(row)
        known = {stage.name: stage for stage in from_rows(row.stages)}
        if not has_tree(row):  # without what they have made, stages that were done are done again
            known = {name: stage for name, stage in known.items() if stage.changes}
        self._stages: list[StageInfo] = [
            known.get(stage.name) or stage_info(stage, State.QUEUED) for stage in self._plan
        ]

    def work(self) -> Any:
        """Run what is left; return the result, or the pause until somebody has decided.

        A stage for which this stretch has too little time left is run in another one.
        """
        remove_old_trees(self._row)
        tree = export_tree(self._row, check=self._ctx.check)
        has_run = False
        for number, stage in enumerate(self._plan):
            self._ctx.check()
            found = self._stages[number]
            if found.state == State.SUCCEEDED:
                continue
            if found.state == State.RUNNING and changes(stage):
                raise ClawError(f"The stage {stage.name} was interrupted, and nobody knows how far it came.")
            if stage.manual and not self._is_approved(stage):
                return self._pause(number, stage)
            if has_run and self._ctx.seconds_left() < stage.seconds:
                return Park(until=timezone.now())
            has_run = True
            self._run(number, stage, tree)
            check_tree(tree)
        return {"pipeline": self._row.pk}

    def _is_approved(self, stage: Stage) -> bool:
        """Tell whether a stage may run; NotAllowed when somebody said no, or nobody anything in time."""
        request = local_asking.find_request(self._row, stage)
        if request is None or request.state == Approval.State.WAITING:
            return False
        if request.state != Approval.State.APPROVED:
            raise NotAllowed(f"The stage {stage.name} was not approved.")
        if request.subject_hash != digest_of(self._row, stage):
            raise NotAllowed(f"What was approved of the stage {stage.name} has changed since.")
        if not is_decided_still(self._row.project, request):
            raise NotAllowed(f"{name_of(request.decided_by)}, who approved it, is no maintainer any more.")
        return True

    def _pause(self, number: int, stage: Stage) -> Park:
        self._ctx.emit("waiting", {"stage": stage.name})
        self._note(number, stage_info(stage, State.WAITING), State.WAITING)
        job = self._ctx.job
        until = timezone.now() + timedelta(seconds=local_asking.SECONDS + 60)

        def ask() -> None:
            if local_asking.find_request(self._row, stage) is None:
                local_asking.ask(self._row, stage, requested_by=job.requested_by, session_id=job.session_id)

        return Park(until=until, for_approval=True, then=ask)

    def _run(self, number: int, stage: Stage, tree: Path) -> None:
        self._ctx.emit("stage", {"stage": stage.name, "state": "running"})
        self._note(number, stage_info(stage, State.RUNNING), State.RUNNING)
        teller = Teller(self._ctx, stage.name)
        done = run_in_tree(
            self._row.project,
            stage.argv,
            tree=tree,
            seconds=max(1.0, min(stage.seconds, self._ctx.seconds_left())),
            check=self._ctx.check,
            on_output=teller.take,
        )
        teller.finish()
        state = State.SUCCEEDED if done.ok else State.FAILED
        self._ctx.emit("stage", {"stage": stage.name, "state": str(state), "code": done.code, "seconds": done.seconds})
        self._note(number, stage_info(stage, state, seconds=round(done.seconds, 1)), State.RUNNING)
        if not done.ok:
            raise BadInput(_why(stage.name, done))

    def _note(self, number: int, stage: StageInfo, state: State) -> None:
        self._stages[number] = stage
        store_stages(self._row, self._stages, state)


class Teller:
    """Passes on what a stage prints, a piece a second, without secrets, as long as the job keeps events."""

    def __init__(self, ctx: JobContext, stage: str) -> None:
        self._ctx, self._stage = ctx, stage
        self._waiting = b""
        self._told_at = 0.0

    def take(self, data: bytes) -> None:
        """Take what was printed just now; of very much the newest."""
        self._waiting += data
        if len(self._waiting) > TAIL_BYTES:
            self._waiting = self._waiting[-TAIL_BYTES:].partition(b"\n")[2]  # never half a line, never half a secret
        if time.monotonic() >= self._told_at + TELL_SECONDS:
            self._tell(self._waiting.rpartition(b"\n"))

    def finish(self) -> None:
        """Tell the rest."""
        self._tell((self._waiting, b"", b""))

    def _tell(self, parts: Sequence[bytes]) -> None:
        """Tell whole lines only, so that no secret is cut in two; an event is passed over when there is nothing."""
        told, self._waiting = b"".join(parts[:2]), parts[2]
        if told:
            self._told_at = time.monotonic()
            text = redact(told.decode("utf-8", "replace"))
            self._ctx.emit("output", {"stage": self._stage, "text": text})


def _why(stage: str, done: Completed) -> str:
    if done.excess:
        return f"The stage {stage} used too much and was ended: {done.excess}."
    if done.timed_out:
        return f"The stage {stage} took too long and was ended."
    return f"The stage {stage} ended with code {done.code}."


def end(job: Job) -> None:
    """Bring the pipeline to its end, on whichever way the job ended. Part of the transaction that ends the job."""
    row = end_row(job)
    if row is None:
        given = msgspec.convert(job.params, Params)
        project = Project.objects.filter(key=given.project).first()
        if project is not None:
            show_answer(job, project, verb="start", pipeline=given.pipeline, ref=given.ref)
        return
    local_asking.withdraw(row)
    if row.state != State.FAILED:
        transaction.on_commit(lambda: remove_tree(row), robust=True)


PIPELINE = JobKind(
    name=LOCAL_KIND,
    run=run,
    description="Runs the stages of a project's claw.yaml on a commit, in the sandbox.",
    seconds=SECONDS,
    repeatable=True,
    role=Role.OPERATOR,
    params=Params,
    ended=end,
)
