"""Keeps what the monitored systems say fresh, in every worker."""

from __future__ import annotations

from clawsite.core.nudge import NudgeListener
from runbooks.sources.loop import keep_reading
from runbooks.sources.readings import NUDGE


async def keep_reading_systems(listener: NudgeListener) -> None:
    """Read until cancelled."""
    await keep_reading(listener.event(NUDGE))
