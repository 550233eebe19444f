"""models.list: the configured models, in the order in which a turn tries them."""

from __future__ import annotations

from typing import Any, Literal
from urllib.parse import urlsplit

from bots.agent.targets import context_window, list_targets, usable_targets
from bots.agent.types import Target
from clawsite.gateway.overview import AgentId
from clawsite.gateway.principal import Scope
from clawsite.gateway.registry import Call, Params, method


class ModelsListParams(Params):
    """All are accepted: there is one agent, one view, and nothing to refresh."""

    agent_id: AgentId = None
    view: Literal["default", "configured", "provider-config", "all"] = "default"
    refresh: bool = False
    prepared_only: bool = False
    include_provider_capabilities: bool = False


@method("models.list", scope=Scope.READ, summary="The models a turn tries, in their order.", params=ModelsListParams)
async def list_models(call: Call, params: ModelsListParams) -> dict[str, Any]:
    """Say of each model whether it can be called: with a key, or at an address that needs none."""
    targets = list_targets()
    usable = await usable_targets(targets)
    return {"models": [_entry(target, first=target == targets[0], usable=target in usable) for target in targets]}


def _entry(target: Target, *, first: bool, usable: bool) -> dict[str, Any]:
    """Return one model. A target of one's own is named by its host, without what stands before the @."""
    entry: dict[str, Any] = {
        "id": target.model,
        "name": target.model,
        "provider": urlsplit(target.base_url).netloc.rpartition("@")[2] or "anthropic",
        "contextWindow": context_window(target),
        "available": usable,
    }
    if first:
        entry["tags"] = ["default"]
    if not usable:
        entry["unavailableReason"] = "missing-auth"
    return entry
