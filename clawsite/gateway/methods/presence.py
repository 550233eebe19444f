"""system-presence: who is connected. Who does not see all sees the gateway and their own connections."""

from __future__ import annotations

from typing import Any

from clawsite.gateway.presence import presence_entries
from clawsite.gateway.principal import Scope
from clawsite.gateway.registry import Call, Params, method


@method("system-presence", scope=Scope.READ, summary="The gateway and the programs that are connected to it.")
def list_presence(call: Call, params: Params) -> list[dict[str, Any]]:
    """Return a bare list, as clients insist."""
    return presence_entries(call.principal)
