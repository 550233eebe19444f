"""Who calls in the tests of methods: Alice (sees all), Bob (reads, writes and decides his own), Charlie (nothing)."""

from __future__ import annotations

from typing import Any

from clawsite.gateway.principal import Principal, Scope
from tests.clawsite.gateway.seat import Line, principal

ALICE = principal("alice")
BOB = principal("bob", Scope.READ, Scope.WRITE, Scope.APPROVALS, Scope.QUESTIONS)
CHARLIE = Principal(subject="token:charlie", owner="token:charlie", name="", granted=frozenset(), scopes=frozenset())


async def call(method: str, who: Principal = ALICE, **params: Any) -> Any:
    """Call a method as somebody and return its payload as a client reads it; Refused for an error."""
    return await Line(who).call(method, **params)
