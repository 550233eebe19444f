"""Runs the dispatcher of jobs in every worker; the lease lets one of them do the work."""

from __future__ import annotations

from clawsite.core.nudge import NudgeListener
from runbooks.dispatch.loop import keep_dispatching
from runbooks.targets.checking import NUDGE


async def keep_dispatching_jobs(process_id: int, listener: NudgeListener) -> None:
    """Dispatch until cancelled."""
    await keep_dispatching(process_id, listener.event(NUDGE))
