"""Runs the reaper of jobs in every worker: when a job's process has ended, and every second in any case."""

from __future__ import annotations

from clawsite.core.db import run_db
from clawsite.core.errors import log_unknown
from clawsite.core.nudge import NudgeListener
from runbooks.reaper import reap
from runbooks.schedules import find_anew

LOOK_SECONDS = 1.0


async def keep_reaping(process_id: int, listener: NudgeListener) -> None:
    """Reap until cancelled. First see when schedules are due: the clock or the time zone may be another since."""
    wake = listener.event("runner")
    is_found = False
    while True:
        try:
            if not is_found:
                await run_db(find_anew)
                is_found = True
            await run_db(reap, process_id)
        except Exception as error:
            log_unknown(error, where="the reaper")
        await wake.within(LOOK_SECONDS)
