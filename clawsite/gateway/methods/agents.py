"""agents.list: the one agent there is. It is called main, as clients expect."""

from __future__ import annotations

from typing import Any

from django.conf import settings

from bots.agent.targets import list_targets
from clawsite.gateway.overview import AGENT
from clawsite.gateway.principal import Scope
from clawsite.gateway.registry import Call, Params, method


@method("agents.list", scope=Scope.READ, summary="The agents there are: one, called main.")
def list_agents(call: Call, params: Params) -> dict[str, Any]:
    """Answer from the settings."""
    first, *others = [target.model for target in list_targets()]
    agent = {
        "id": AGENT,
        "kind": "agent",
        "name": settings.CLAW_BOT_NAMES[0],
        "identity": {"name": settings.CLAW_BOT_NAMES[0]},
        "model": {"primary": first, "fallbacks": others},
    }
    return {
        "defaultId": AGENT,
        "ownership": "sole",
        "selectionRequired": False,
        "mainKey": AGENT,
        "scope": "per-sender",
        "agents": [agent],
    }
