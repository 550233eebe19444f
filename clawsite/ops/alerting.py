"""Works on stored alerts in every worker: when one was stored, and every second in any case, with the clock."""

from __future__ import annotations

import time

from clawsite.core.db import run_db
from clawsite.core.errors import log_unknown
from clawsite.core.nudge import NudgeListener
from runbooks.alerts.clock import tick
from runbooks.alerts.store import AT_ONCE, NUDGE, process_new

LOOK_SECONDS = 1.0
CLOCK_SECONDS = 5.0


async def keep_alerting(listener: NudgeListener) -> None:
    """Work until cancelled."""
    wake = listener.event(NUDGE)
    clock_at = 0.0
    while True:
        done = 0
        try:
            done = await run_db(process_new)
            if time.monotonic() >= clock_at:
                clock_at = time.monotonic() + CLOCK_SECONDS
                await run_db(tick)
        except Exception as error:
            log_unknown(error, where="the work on alerts")
        if done < AT_ONCE:
            await wake.within(LOOK_SECONDS)
