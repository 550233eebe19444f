"""Works on stored alerts in every worker, and on what the clock brings them."""

from __future__ import annotations

from functools import partial

from clawsite.core.db import run_db
from clawsite.core.nudge import NudgeListener
from clawsite.ops.arrivals import keep_working
from runbooks.alerts.clock import tick
from runbooks.alerts.store import AT_ONCE, NUDGE, process_new

CLOCK_SECONDS = 5.0


async def keep_alerting(listener: NudgeListener) -> None:
    """Work until cancelled."""
    await keep_working(
        listener.event(NUDGE), process_new, at_once=AT_ONCE,
        tick=partial(run_db, tick), tick_seconds=CLOCK_SECONDS, where="the work on alerts",
    )  # fmt: skip
