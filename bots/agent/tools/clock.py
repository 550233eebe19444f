"""time: the date and time now, where the user is or anywhere else."""

from __future__ import annotations

from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.utils import timezone

from bots.agent.tools.registry import tool
from bots.agent.types import ToolContext, ToolOutput
from clawsite.core.errors import BadInput
from guardrails.tools import ToolPolicy
from guardrails.types import Role


@tool(
    "time",
    description="The current date, weekday and time, in the user's time zone or in another one.",
    schema={
        "type": "object",
        "properties": {
            "zone": {
                "type": "string",
                "pattern": r"^[A-Za-z0-9_+\-/]{1,64}$",
                "description": "An IANA time zone such as America/Sao_Paulo; the user's own when left out.",
            }
        },
    },
    policy=ToolPolicy(name="time", role=Role.VIEWER, effect="read", per_minute=60),
    repeatable=True,
)
async def tell_time(context: ToolContext, arguments: dict[str, Any]) -> ToolOutput:
    """Return the time now in a zone."""
    name = arguments.get("zone") or context.time_zone
    try:
        zone = ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise BadInput(f"There is no time zone {name}. Use an IANA name such as Europe/Moscow.") from None
    now = timezone.now().astimezone(zone)
    return ToolOutput(text=f"{now:%A, %Y-%m-%d %H:%M:%S} ({name}, UTC{now:%z})", source="clock")
