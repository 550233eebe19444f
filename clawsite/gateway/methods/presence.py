"""system-presence: who is connected. Who does not see all sees the gateway and their own connections."""

from __future__ import annotations

from clawsite.gateway.presence import presence
from clawsite.gateway.principal import Scope
from clawsite.gateway.registry import Call, Encoded, Params, method


@method("system-presence", scope=Scope.READ, summary="The gateway and the programs that are connected to it.")
def list_presence(call: Call, params: Params) -> Encoded:
    """Return a bare list, as clients insist."""
    return presence.read(call.principal)
