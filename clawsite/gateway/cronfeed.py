"""Tells those who may see a schedule that its job was started and has ended. What is missed here is in cron.runs."""

from __future__ import annotations

import asyncio
from typing import Any

from clawsite.core.db import run_db
from clawsite.core.errors import log_unknown
from clawsite.core.nudge import NudgeListener
from clawsite.gateway.cronjobs import describe_run, ms
from clawsite.gateway.hub import Listener, hub
from clawsite.gateway.principal import Scope
from runbooks.models import ScheduleRun

SUMMARY_CHARS = 200
_tasks: set[asyncio.Task[None]] = set()


def listen(listener: NudgeListener) -> None:
    """Hear of runs that began and of jobs that ended, in any process."""
    listener.on("schedule", lambda data: _look(pk=int(data["run"])))
    listener.on("job", lambda data: _look(job__key=str(data["job"])) if data.get("over") else None)


def _look(**which: Any) -> None:
    """Look at the row, if there is anybody to tell."""
    if any(Scope.READ in each.principal.scopes for each in hub.connections.values()):
        task = asyncio.get_running_loop().create_task(_tell(which), name="schedule news")
        _tasks.add(task)
        task.add_done_callback(_tasks.discard)


async def _tell(which: dict[str, Any]) -> None:
    try:
        found = await run_db(_read, which)
    except Exception as error:
        log_unknown(error, where="news of a schedule")
        return
    if found is not None:
        owner, payload = found
        hub.broadcast("cron", payload, scope=Scope.READ, to=lambda each: _may_see(each, owner), droppable=True)


def _may_see(listener: Listener, owner: str) -> bool:
    return listener.principal.sees_all or listener.principal.owner == owner


def _read(which: dict[str, Any]) -> tuple[str, dict[str, Any]] | None:
    """Return a run's owner and what is told of it; None for a job that no schedule started."""
    run = ScheduleRun.objects.select_related("job", "schedule").filter(**which).first()
    if run is None or run.job is None:
        return None
    told = describe_run(run) | {"nextRunAtMs": ms(run.schedule.next_due), "summary": _summary_of(run.job.result)}
    return run.schedule.owner, {name: value for name, value in told.items() if value is not None}


def _summary_of(result: Any) -> str | None:
    """Return the beginning of the text that a job came to, if it is one."""
    text = result.get("text") if isinstance(result, dict) else None
    return text[:SUMMARY_CHARS] if isinstance(text, str) else None
