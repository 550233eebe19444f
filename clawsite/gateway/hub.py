"""The open connections of this process and what they are told. Events are lossy notices; truth is rows.

An event is encoded once, however many hear it. Who is slow misses droppable ones (a gap in `seq` tells) and is closed
when it does not read at all.
"""

from __future__ import annotations

from collections.abc import Callable, Container
from typing import Any, Protocol

import msgspec

from clawsite.gateway.principal import Principal, Scope

_encode = msgspec.json.Encoder().encode


class Listener(Protocol):
    """A connection, as the hub sees it. `push` never blocks and never raises."""

    id: str
    principal: Principal
    watches_sessions: bool

    @property
    def followed(self) -> Container[int]:
        """The sessions whose events it wants."""

    def push(self, event: str, payload: bytes, *, droppable: bool, state: bytes = b"") -> None:
        """Send an event whose payload (and stateVersion) is JSON already."""


class Hub:
    """Connections by id, and by the session they follow."""

    def __init__(self) -> None:
        self.connections: dict[str, Listener] = {}

    def join(self, listener: Listener) -> None:
        """Add an authenticated connection."""
        self.connections[listener.id] = listener

    def leave(self, listener: Listener) -> None:
        """Forget a connection; safe to call twice."""
        self.connections.pop(listener.id, None)

    def broadcast(
        self,
        event: str,
        payload: Any,
        *,
        scope: Scope | None = None,
        to: Callable[[Listener], bool] | None = None,
        droppable: bool = False,
    ) -> int:
        """Tell every connection that has the scope and is wanted; return how many that were."""
        encoded = _encode(payload)
        heard = 0
        for listener in tuple(self.connections.values()):
            if (scope is None or scope in listener.principal.scopes) and (to is None or to(listener)):
                listener.push(event, encoded, droppable=droppable)
                heard += 1
        return heard


hub = Hub()
