"""Runs that a client gave only so much time. The turn's own limit holds whatever happens to this process."""

from __future__ import annotations

import asyncio

from clawsite.core.db import run_db
from clawsite.core.errors import ClawError, log_unknown
from clawsite.gateway.runs import Run
from clawsite.gateway.stop import stop_runs
from clawsite.gateway.waiting import wait_for_end
from sessions_app.models import Session

_limited: set[asyncio.Task[None]] = set()


def limit_run(run: Run, session: Session, *, seconds: float, actor: str) -> None:
    """Stop a run when it has not ended after so long."""
    task = asyncio.create_task(_limit(run, session, seconds, actor), name=f"limit of run {run.inbox_id}")
    _limited.add(task)
    task.add_done_callback(_limited.discard)


async def _limit(run: Run, session: Session, seconds: float, actor: str) -> None:
    try:
        ended = await wait_for_end(run, session_id=session.pk, seconds=seconds)
        if not ended.has_ended:
            await run_db(stop_runs, session, actor=actor, only=run.inbox_id)
    except ClawError:
        return
    except Exception as error:
        log_unknown(error, where="limiting a run")
