"""Works on what came in and was stored: when a nudge tells of it, and every second in any case, with a slower clock."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from typing import Any

from clawsite.core.db import run_db
from clawsite.core.errors import log_unknown
from clawsite.core.nudge import Wake

LOOK_SECONDS = 1.0


async def keep_working(
    wake: Wake,
    work_off: Callable[[], int],
    *,
    at_once: int,
    tick: Callable[[], Awaitable[Any]],
    tick_seconds: float,
    where: str,
) -> None:
    """Work until cancelled. `work_off` returns how much it did, `at_once` at most; `where` is said with an error."""
    tick_at = 0.0
    while True:
        done = 0
        try:
            done = await run_db(work_off)
            if time.monotonic() >= tick_at:
                tick_at = time.monotonic() + tick_seconds
                await tick()
        except Exception as error:
            log_unknown(error, where=where)
        if done < at_once:
            await wake.within(LOOK_SECONDS)
