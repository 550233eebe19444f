"""Runs the reaper of jobs in every worker: when a job's process has ended, and every second in any case."""

from __future__ import annotations

from clawsite.core.db import run_db
from clawsite.core.errors import log_unknown
from clawsite.core.nudge import NudgeListener
from runbooks.reaper import reap

LOOK_SECONDS = 1.0


async def keep_reaping(process_id: int, listener: NudgeListener) -> None:
    """Reap until cancelled."""
    wake = listener.event("runner")
    while True:
        try:
            await run_db(reap, process_id)
        except Exception as error:
            log_unknown(error, where="the reaper")
        await wake.within(LOOK_SECONDS)
