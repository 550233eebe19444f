"""What is heard of a pipeline becomes its row, and the row its messages. Late and repeated news change nothing.

Invariant: the row is locked from the comparison to the messages, so of two workers one is first. What ended does not
go on again because an older delivery came late: only with a higher attempt, or when the provider says that it was run
again, or when the provider itself was asked (`live`).
"""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import transaction
from django.utils import timezone

from runbooks.models import ForgeConnection, Pipeline, Project
from runbooks.workspaces.pipelines.news import JobNews
from runbooks.workspaces.pipelines.showing import show_pipeline
from runbooks.workspaces.pipelines.values import (
    MOST_JOBS,
    MOST_STAGES,
    OVER,
    PipelineInfo,
    StageInfo,
    from_rows,
    to_rows,
)

# Unheard of for so long, an open pipeline is asked for.
UNHEARD = timedelta(minutes=2)
# Nothing goes on for longer; what is unheard of for so long has been lost from sight.
FORGOTTEN = timedelta(days=7)
# Some tell the moment of an end in whole seconds.
SAME_END = timedelta(seconds=1)


@transaction.atomic
def take_pipeline(
    project: Project, provider: str, info: PipelineInfo, *, live: bool = False, now: datetime | None = None
) -> Pipeline:
    """Take what is told of a pipeline over into its row, if it is news; return the row."""
    moment = now or timezone.now()
    row, made = Pipeline.objects.select_for_update().get_or_create(
        project=project, provider=provider, external_id=info.id, defaults={"attempt": max(1, info.attempt)}
    )
    if made or is_news(row, info, live=live):
        _change(row, info, made=made)
        row.heard_at = moment
    row.due_at = _due(row, moment, live=live, told_stages=info.stages is not None)
    row.save()
    show_pipeline(row)
    return row


@transaction.atomic
def take_job(project: Project, provider: str, news: JobNews, *, now: datetime | None = None) -> Pipeline | None:
    """Take one job of a pipeline over; None when the pipeline is not known yet, whose own news will tell of it."""
    rows = Pipeline.objects.select_for_update().filter(
        project=project, provider=provider, external_id=news.pipeline, attempt=news.attempt
    )
    row = rows.first()
    if row is None:
        return None
    stages = {stage.jobs[0].id if stage.jobs else stage.name: stage for stage in from_rows(row.stages)}
    known = stages.get(news.stage.jobs[0].id)
    if known is not None and known.state in OVER:
        return row
    stages[news.stage.jobs[0].id] = news.stage
    row.stages = to_rows(_bounded(tuple(stages.values())))
    row.heard_at = now or timezone.now()
    row.save(update_fields=["stages", "heard_at"])
    show_pipeline(row)
    return row


def is_news(row: Pipeline, info: PipelineInfo, *, live: bool = False) -> bool:
    """Tell whether what is told of a pipeline is newer than what is known. Pure."""
    if live:
        return True
    if info.attempt and info.attempt != row.attempt:
        return info.attempt > row.attempt
    if info.changed_at is not None and row.changed_at is not None and info.changed_at < row.changed_at:
        return False
    last = info.ended_at or info.ended_before
    if last is not None and row.ended_at is not None and last < row.ended_at - SAME_END:
        return False  # it was run again since, and has ended again
    return not row.is_over or info.state in OVER or info.ended_before is not None


def _change(row: Pipeline, info: PipelineInfo, *, made: bool) -> None:
    again = not made and row.is_over and (info.state not in OVER or _ended_again(row, info))
    if info.attempt > row.attempt or (again and not info.attempt):
        row.attempt = max(info.attempt, row.attempt + 1)
        row.stages = []
    row.state = info.state
    for field, value in (("ref", info.ref), ("commit", info.commit), ("name", info.name), ("url", info.url)):
        if value:
            setattr(row, field, value)
    row.started_by = info.by or row.started_by
    row.changed_at = info.changed_at or row.changed_at
    row.started_at = info.started_at or row.started_at
    row.ended_at = (info.ended_at or timezone.now()) if info.state in OVER else None
    if info.stages is not None:
        row.stages = to_rows(_bounded(info.stages))


def _ended_again(row: Pipeline, info: PipelineInfo) -> bool:
    return info.ended_at is not None and row.ended_at is not None and info.ended_at > row.ended_at


def _bounded(stages: tuple[StageInfo, ...]) -> tuple[StageInfo, ...]:
    """Return no more stages and jobs than a row holds."""
    left, kept = MOST_JOBS, []
    for stage in stages[:MOST_STAGES]:
        jobs = stage.jobs[: max(0, left)]
        left -= len(jobs)
        kept.append(StageInfo(name=stage.name, state=stage.state, jobs=jobs, changes=stage.changes))
    return tuple(kept)


def _due(row: Pipeline, now: datetime, *, live: bool, told_stages: bool) -> datetime | None:
    """Return when to ask the provider: at once for the jobs of an end that tells none, later for what goes on."""
    if not has_answers(row.project_id, row.provider):
        return None
    if row.is_over:
        return None if live or told_stages else now
    return None if now - row.heard_at > FORGOTTEN else now + UNHEARD


def has_answers(project_id: int, provider: str) -> bool:
    """Tell whether the provider of a pipeline can be asked."""
    rows = ForgeConnection.objects.filter(project_id=project_id, kind=provider, enabled=True)
    return provider != "generic" and rows.exclude(token="").exists()  # nosec B106  # whether there is one
