"""Tells those who may see a schedule that its job was started and has ended. What is missed here is in cron.runs."""

from __future__ import annotations

import asyncio
from typing import Any

from clawsite.core.db import run_db
from clawsite.core.errors import log_unknown
from clawsite.core.nudge import NudgeListener
from clawsite.gateway.cronjobs import describe_run, ms
from clawsite.gateway.hub import Listener, hub
from clawsite.gateway.once import Once
from clawsite.gateway.principal import Scope
from runbooks.models import Job, ScheduleRun

SUMMARY_CHARS = 200
BY_SCHEDULE = "schedule:"
_tasks: set[asyncio.Task[None]] = set()
_told = Once()


def listen(listener: NudgeListener) -> None:
    """Hear of runs that began and of jobs that ended, in any process."""
    listener.on("schedule", lambda data: _look(str(data["job"])))
    listener.on("job", lambda data: _look(str(data["job"])) if data.get("over") else None)


def _look(key: str) -> None:
    """Look at the rows of a job, if there is anybody to tell."""
    if any(Scope.READ in each.principal.scopes for each in hub.connections.values()):
        task = asyncio.get_running_loop().create_task(_tell(key), name="schedule news")
        _tasks.add(task)
        task.add_done_callback(_tasks.discard)


async def _tell(key: str) -> None:
    try:
        found = await run_db(_read, key)
    except Exception as error:
        log_unknown(error, where="news of a schedule")
        return
    if found is None:
        return
    owner, payload = found
    if _told.is_news(key, over=payload["action"] == "finished"):
        hub.broadcast("cron", payload, scope=Scope.READ, to=lambda each: _may_see(each, owner), droppable=True)


def _may_see(listener: Listener, owner: str) -> bool:
    return listener.principal.sees_all or listener.principal.owner == owner


def _read(key: str) -> tuple[str, dict[str, Any]] | None:
    """Return a job's owner and what is told of its run; None for one that no schedule started."""
    found = ScheduleRun.objects.select_related("job", "schedule").filter(job__key=key).first()
    run = found or _run_of_removed(key)
    if run is None or run.job is None:
        return None
    due = ms(found.schedule.next_due) if found is not None else None
    told = describe_run(run) | {"nextRunAtMs": due, "summary": _summary_of(run.job.result)}
    return run.job.owner, {name: value for name, value in told.items() if value is not None}


def _run_of_removed(key: str) -> ScheduleRun | None:
    """Return the run, as it was, of a schedule that was removed since it started this job, perhaps by that."""
    job = Job.objects.filter(key=key, requested_by__startswith=BY_SCHEDULE).first()
    if job is None:
        return None
    number = int(job.requested_by.removeprefix(BY_SCHEDULE))
    return ScheduleRun(schedule_id=number, job=job, at=job.created_at, outcome=ScheduleRun.Outcome.STARTED)


def _summary_of(result: Any) -> str | None:
    """Return the beginning of the text that a job came to, if it is one."""
    text = result.get("text") if isinstance(result, dict) else None
    return text[:SUMMARY_CHARS] if isinstance(text, str) else None
