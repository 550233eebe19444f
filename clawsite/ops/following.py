"""Works on what forges tell, and asks for what they do not, in every worker."""

from __future__ import annotations

from clawsite.core.nudge import NudgeListener
from clawsite.ops.arrivals import keep_working
from runbooks.workspaces.pipelines.asking_again import ask_again
from runbooks.workspaces.pipelines.following import follow_due
from runbooks.workspaces.pipelines.store import AT_ONCE, NUDGE, process_new

# Between two looks for pipelines that are to be asked for.
ASK_SECONDS = 3.0


async def keep_following_pipelines(listener: NudgeListener) -> None:
    """Work until cancelled."""
    await keep_working(
        listener.event(NUDGE), process_new, at_once=AT_ONCE,
        tick=_ask, tick_seconds=ASK_SECONDS, where="the work on pipelines",
    )  # fmt: skip


async def _ask() -> None:
    await follow_due()
    await ask_again()
