"""Calling methods without a socket, as Alice (sees all), Bob (reads and writes his own) and Charlie (may nothing)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

import clawsite.gateway.methods  # noqa: F401  # registers them
from clawsite.gateway.principal import ALL_SCOPES, Principal, Scope, expand
from clawsite.gateway.registry import Call, invoke


def make_principal(owner: str, *scopes: Scope, name: str = "") -> Principal:
    """Return the bearer of a token with these scopes."""
    granted = expand(scopes)
    return Principal(subject=owner, owner=owner, name=name or owner, granted=granted, scopes=granted)


ALICE = Principal(subject="env", owner="env", name="Alice", granted=ALL_SCOPES, scopes=ALL_SCOPES)
BOB = make_principal("token:2", Scope.READ, Scope.WRITE, Scope.APPROVALS, Scope.QUESTIONS, name="Bob")
CHARLIE = make_principal("token:3", name="Charlie")


class Caller:
    """A connection as methods see it."""

    id = "test"
    client: Mapping[str, Any] = {}
    caps: frozenset[str] = frozenset()

    def __init__(self, principal: Principal) -> None:
        self.principal = principal

    def follow(self, session_id: int) -> None:
        """Nothing streams here."""

    unfollow = follow

    def watch_sessions(self, wanted: bool) -> None:
        """Nothing streams here."""

    def watch_job(self, job_id: str, after_seq: int) -> None:
        """Nothing streams here."""

    def unwatch_job(self, job_id: str) -> None:
        """Nothing streams here."""


async def call(name: str, who: Principal = ALICE, **params: Any) -> Any:
    """Call a method and return its payload as a client reads it."""
    request = Call(request_id="1", method=name, connection=Caller(who), respond=lambda _: None)
    payload = await invoke(name, request, msgspec.Raw(msgspec.json.encode(params)))
    return msgspec.json.decode(msgspec.json.encode(payload))
