"""What other processes tell this one, for its connections."""

from __future__ import annotations

import asyncio
from typing import Any

from clawsite.core.nudge import NudgeListener
from clawsite.gateway import hot
from clawsite.gateway.feeds import feeds
from clawsite.gateway.jobfeed import feed
from clawsite.gateway.keeper import recheck

_checks: set[asyncio.Task[None]] = set()


def listen(listener: NudgeListener) -> None:
    """Subscribe the gateway's connections to nudges."""
    hot.listen(listener)
    listener.on("token", _check_token)
    listener.on("job", feed.on_nudge)
    feeds.listen(listener)


def _check_token(data: dict[str, Any]) -> None:
    task = asyncio.get_running_loop().create_task(recheck(int(data["token"])))
    _checks.add(task)
    task.add_done_callback(_checks.discard)
