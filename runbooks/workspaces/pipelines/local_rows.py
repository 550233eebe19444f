"""The row of a pipeline that runs here: made by its job, moved stage by stage, and brought to its end by the job's."""

from __future__ import annotations

from collections.abc import Sequence

from django.db import transaction
from django.utils import timezone

from runbooks.models import Job, Pipeline, Project
from runbooks.workspaces import git
from runbooks.workspaces.pipelines.showing import show_pipeline
from runbooks.workspaces.pipelines.values import OVER, JobInfo, StageInfo, State, from_rows, stage_of, to_rows

LOCAL = Pipeline.Provider.LOCAL
_ENDS = {
    Job.State.SUCCEEDED: State.SUCCEEDED,
    Job.State.CANCELLED: State.CANCELLED,
}


def begin_row(job: Job, project: Project, *, ref: str, by: str) -> Pipeline:
    """Return the row of a job, made at its first run for the commit that the branch then has."""
    found = Pipeline.objects.select_related("project").filter(job=job).first()
    if found is not None:
        return found
    commit = git.branch_head(project, ref or project.branch)
    return Pipeline.objects.create(
        project=project,
        provider=LOCAL,
        external_id=job.key,
        job=job,
        ref=ref or project.branch,
        commit=commit,
        started_by=by[:200],
        started_at=timezone.now(),
    )


def begin_again(row: Pipeline, job: Job) -> None:
    """Give a pipeline that is over to another job, which runs what did not succeed; all of it when everything did."""
    stages = from_rows(row.stages)
    whole = row.state == State.SUCCEEDED
    row.stages = to_rows(
        [stage if stage.state == State.SUCCEEDED and not whole else _queued(stage) for stage in stages]
    )
    row.job, row.state, row.attempt, row.ended_at = job, State.QUEUED, row.attempt + 1, None
    row.started_at = row.heard_at = timezone.now()
    row.save(update_fields=["job", "state", "attempt", "stages", "started_at", "ended_at", "heard_at"])
    show_pipeline(row)


def _queued(stage: StageInfo) -> StageInfo:
    jobs = [JobInfo(id=job.id, name=job.name, state=State.QUEUED) for job in stage.jobs]
    return stage_of(stage.name, jobs, changes=stage.changes)


@transaction.atomic
def store_stages(row: Pipeline, stages: Sequence[StageInfo], state: State) -> None:
    """Write down how a pipeline stands, and show it."""
    row.stages, row.state, row.heard_at = to_rows(stages), state, timezone.now()
    row.save(update_fields=["stages", "state", "heard_at"])
    show_pipeline(row)


def end_row(job: Job) -> Pipeline | None:
    """Bring the pipeline of a job that has ended to its end; None when the job never got so far."""
    row = Pipeline.objects.select_related("project").filter(job=job).first()
    if row is None or row.is_over:
        return row
    state = _ENDS.get(Job.State(job.state), State.FAILED)
    row.ended_at = timezone.now()
    row.save(update_fields=["ended_at"])
    store_stages(row, [_ended(stage, state) for stage in from_rows(row.stages)], state)
    return row


def _ended(stage: StageInfo, state: State) -> StageInfo:
    """Return a stage of a pipeline that is over: what was at work shares its fate, what never began was skipped."""
    if stage.state in OVER:
        return stage
    at_work = stage.state in (State.RUNNING, State.WAITING)
    end = (State.CANCELLED if state == State.CANCELLED else State.FAILED) if at_work else State.SKIPPED
    jobs = [JobInfo(id=job.id, name=job.name, state=end, seconds=job.seconds) for job in stage.jobs]
    return stage_of(stage.name, jobs, changes=stage.changes)
