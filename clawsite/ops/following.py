"""Works on what forges tell and asks for what they do not, in every worker, until cancelled."""

from __future__ import annotations

import time

from clawsite.core.db import run_db
from clawsite.core.errors import log_unknown
from clawsite.core.nudge import NudgeListener
from runbooks.workspaces.pipelines.asking_again import ask_again
from runbooks.workspaces.pipelines.following import follow_due
from runbooks.workspaces.pipelines.store import AT_ONCE, NUDGE, process_new

LOOK_SECONDS = 1.0
# Between two looks for pipelines that are to be asked for.
ASK_SECONDS = 3.0


async def keep_following_pipelines(listener: NudgeListener) -> None:
    """Work until cancelled."""
    wake = listener.event(NUDGE)
    ask_at = 0.0
    while True:
        done = 0
        try:
            done = await run_db(process_new)
            if time.monotonic() >= ask_at:
                ask_at = time.monotonic() + ASK_SECONDS
                await follow_due()
                await ask_again()
        except Exception as error:
            log_unknown(error, where="the work on pipelines")
        if done < AT_ONCE:
            await wake.within(LOOK_SECONDS)
