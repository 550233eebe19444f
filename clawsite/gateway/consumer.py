"""The gateway's socket as a Channels consumer. Glue: it opens a connection and hands frames over until the end."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, cast

from channels.consumer import AsyncConsumer

from clawsite.gateway import methods
from clawsite.gateway.connection import Connection
from clawsite.gateway.keeper import keeper
from clawsite.gateway.wire import QueuedWire, open_wire
from clawsite.rpc import codes
from clawsite.rpc.frames import MAX_FRAME_BYTES
from clawsite.web import sockets
from clawsite.web.address import address_of, is_direct_local
from clawsite.web.plain import Scope

__all__ = ["GatewayConsumer", "methods"]

Receive = Callable[[], Awaitable[dict[str, Any]]]


class GatewayConsumer(AsyncConsumer):
    """One socket. It has no channel layer, and none of the tasks that would listen to one."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Run until the socket ends; clean up however that happens."""
        await receive()
        await send({"type": "websocket.accept"})
        wire = open_wire(scope, send)
        asked = cast(Scope, scope)
        connection = Connection(wire, address=address_of(asked), local=is_direct_local(asked))
        keeper.arrive()
        try:
            connection.open()
            sockets.register(connection)
            await _hand_over(connection, receive)
        finally:
            connection.lost()
            keeper.depart()
            if isinstance(wire, QueuedWire):
                wire.end()


async def _hand_over(connection: Connection, receive: Receive) -> None:
    """Pass frames on, when the server does not do that itself, and return at the end of the socket."""
    wire = connection.wire
    while True:
        if isinstance(wire, QueuedWire):
            await wire.readable.wait()
        message = await receive()
        if message["type"] == "websocket.disconnect":
            return
        if message["type"] == "websocket.receive":
            data = message.get("bytes")
            data = (message.get("text") or "").encode("utf-8", "surrogatepass") if data is None else data
            if isinstance(wire, QueuedWire) and len(data) > min(wire.most, MAX_FRAME_BYTES):
                connection.close(codes.CLOSE_TOO_BIG, "payload too large")
            else:
                connection.receive(data)
