"""Pipelines, changes and deploys as cards for the chats that watch a project. Data only: bots find the words.

One message for a pipeline, changed in place without a sound; a new one rings once for each attempt and outcome.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from runbooks.books.plan import digest
from runbooks.models import Job, JobEvent, Pipeline, Project
from runbooks.workspaces.pipelines.audience import audience_of
from runbooks.workspaces.pipelines.news import ChangeNews, DeployNews
from runbooks.workspaces.pipelines.values import OVER, StageInfo, State, clean, from_rows
from runbooks.workspaces.watchers import sessions_of
from sessions_app.cards import Ring, put_card
from sessions_app.models import Card

SHOWN_STAGES = 30
SHOWN_LINES, LINE_CHARS = 8, 160
SEAL_CHARS = 12
KIND, END_KIND, ANSWER_KIND = "pipeline", "pipeline-end", "pipeline-answer"
CHANGE_KIND, DEPLOY_KIND = "forge-change", "forge-deploy"
_RINGS = frozenset({State.SUCCEEDED, State.FAILED, State.CANCELLED, State.WAITING})


def show_pipeline(row: Pipeline, *, ask_session: int | None = None) -> None:
    """Bring the messages of a pipeline up to date; `ask_session` is a chat that asked for it just now."""
    data = pipeline_facts(row)
    audience = audience_of(row)
    for session_id in dict.fromkeys([*audience, *([ask_session] if ask_session else [])]):
        ring: Ring = "move" if session_id == ask_session else ""
        put_card(f"pipeline:{row.pk}:{session_id}", kind=KIND, data=data, session_id=session_id, ring=ring, silent=True)
    outcome = outcome_of(row)
    if outcome in _RINGS:
        for session_id in audience:
            key = f"pipeline-end:{row.pk}:{row.attempt}:{outcome}:{session_id}"
            put_card(key, kind=END_KIND, data=data | {"outcome": str(outcome)}, session_id=session_id)


def outcome_of(row: Pipeline) -> State:
    """Return the state to tell of: one that goes on although a stage has failed has failed."""
    state = State(row.state)
    failed = any(stage.state == State.FAILED for stage in from_rows(row.stages))
    return State.FAILED if failed and state not in OVER else state


def show_change(project: Project, news: ChangeNews) -> None:
    """Tell of a new change request, once."""
    data = {
        "project": project.name,
        "id": news.id,
        "title": news.title,
        "by": news.by,
        "source": news.source,
        "target": news.target,
        "url": news.url,
        "draft": news.draft,
    }
    for session_id in sessions_of(project):
        put_card(f"change:{project.pk}:{news.id}:{session_id}", kind=CHANGE_KIND, data=data, session_id=session_id)


def show_deploy(project: Project, news: DeployNews) -> None:
    """Show how somebody else's deploy stands; its end rings."""
    data = {
        "project": project.name,
        "environment": news.environment,
        "state": str(news.state),
        "ref": news.ref,
        "commit": news.commit[:12],
        "by": news.by,
        "url": news.url,
    }
    for session_id in sessions_of(project):
        key = f"forge-deploy:{project.pk}:{news.id}:{session_id}"
        known = Card.objects.filter(key=key).first()
        was = str(known.data.get("state", "")) if known else ""
        if was in OVER and news.state not in OVER:
            continue  # it came late
        ends = news.state in (State.SUCCEEDED, State.FAILED) and was != news.state
        put_card(
            key,
            kind=DEPLOY_KIND,
            data=data,
            session_id=session_id,
            ring="new" if ends and known else "",
            silent=not ends,
        )


def show_answer(job: Job, project: Project, *, verb: str, pipeline: int | None, ref: str, state: str = "") -> None:
    """Say in the chat that ordered something what came of it, when there is no pipeline to be shown."""
    if job.session_id is None:
        return
    data = {
        "project": project.name,
        "verb": verb,
        "pipeline": pipeline,
        "ref": ref,
        "state": state or str(job.state),
        "error": job.error,
    }
    put_card(f"pipeline-answer:{job.key}", kind=ANSWER_KIND, data=data, session_id=job.session_id)


def seal_of(row: Pipeline) -> str:
    """Return what stands for the jobs that a pipeline is shown to wait with; "" when it waits for nobody.

    Whoever presses approves these and no others. Jobs of forges have new numbers when they run again, stages here not.
    """
    stages = from_rows(row.stages)
    waiting = [[stage.name, job.id] for stage in stages for job in stage.jobs if job.state == State.WAITING]
    if not waiting and row.state != State.WAITING:
        return ""
    attempt = row.attempt if row.provider == Pipeline.Provider.LOCAL else 0
    return digest([attempt, waiting])[:SEAL_CHARS]


def pipeline_facts(row: Pipeline) -> dict[str, Any]:
    """Return all that people read of a pipeline."""
    stages = from_rows(row.stages)
    return {
        "id": row.pk,
        "project": row.project.name,
        "provider": row.provider,
        "number": row.external_id,
        "name": row.name,
        "ref": row.ref,
        "commit": row.commit[:12],
        "state": str(row.state),
        "attempt": row.attempt,
        "by": row.started_by,
        "url": row.url,
        "stages": [_stage(stage) for stage in stages[:SHOWN_STAGES]],
        "more": max(0, len(stages) - SHOWN_STAGES),
        "waits": seal_of(row),
        "started_at": _iso(row.started_at),
        "ended_at": _iso(row.ended_at),
        **_failure(row),
    }


def _failure(row: Pipeline) -> dict[str, Any]:
    """Return why a pipeline that runs here has failed, and the last lines that it printed."""
    if row.job is None or row.state != State.FAILED:
        return {"error": "", "output": []}
    last = JobEvent.objects.filter(job=row.job, kind="output").order_by("-seq").first()
    lines = str(last.data.get("text", "")).splitlines() if last is not None else []
    return {
        "error": row.job.error,
        "output": [clean(line, LINE_CHARS) for line in lines if line.strip()][-SHOWN_LINES:],
    }


def _stage(stage: StageInfo) -> dict[str, Any]:
    failed = [job.name for job in stage.jobs if job.state == State.FAILED and not job.optional]
    seconds = [job.seconds for job in stage.jobs if job.seconds is not None]
    return {
        "name": stage.name,
        "state": str(stage.state),
        "seconds": round(max(seconds), 1) if seconds else None,
        "failed": [name for name in failed[:5] if name != stage.name],
        "done": sum(job.state in OVER for job in stage.jobs),
        "jobs": len(stage.jobs),
    }


def _iso(moment: datetime | None) -> str:
    return moment.isoformat() if moment else ""
