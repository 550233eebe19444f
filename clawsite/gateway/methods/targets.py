"""targets.list: the other gateways that jobs may be sent to."""

from __future__ import annotations

from typing import Any

from clawsite.core.db import run_db
from clawsite.gateway.principal import Scope
from clawsite.gateway.registry import Call, Params, method
from runbooks.targets.reading import describe_targets


@method("targets.list", scope=Scope.READ, summary="Lists the gateways that jobs may be sent to.")
async def list_(call: Call, params: Params) -> dict[str, Any]:
    """Return names and states; to who sees everybody's jobs also what each is for and how it does."""
    return {"targets": await run_db(describe_targets, is_full=call.principal.sees_all)}
