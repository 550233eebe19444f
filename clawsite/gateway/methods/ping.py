"""ping: is anybody there? The smallest method there is, and the floor of every measurement."""

from __future__ import annotations

import time

from clawsite.gateway.principal import Scope
from clawsite.gateway.registry import Call, Params, method


@method("ping", scope=Scope.READ, summary="Answer at once, with the time of the gateway.")
def ping(call: Call, params: Params) -> dict[str, int]:
    """Return the time in milliseconds."""
    return {"ts": round(time.time() * 1000)}
