"""Asking an ASGI application as a client would, without a server in between."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass
from typing import Any

from clawsite.web.plain import App, Scope

SECONDS = 20.0


@dataclass(frozen=True, kw_only=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


def scope_of(kind: str, path: str, *, method: str, headers: Mapping[str, str], client: str) -> Scope:
    names = {"host": "127.0.0.1:18789", **headers}
    return {
        "type": kind,
        "method": method,
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "scheme": "http" if kind == "http" else "ws",
        "headers": [(key.encode(), value.encode()) for key, value in names.items()],
        "client": (client, 40000),
        "server": ("127.0.0.1", 18789),
        "subprotocols": [],
    }


async def ask(
    app: App,
    path: str,
    *,
    method: str = "GET",
    body: bytes = b"",
    client: str = "127.0.0.1",
    headers: Mapping[str, str] | None = None,
) -> Answer:
    """Make one HTTP request."""
    scope = scope_of("http", path, method=method, headers=headers or {}, client=client)
    incoming = [{"type": "http.request", "body": body, "more_body": False}]
    sent: list[MutableMapping[str, Any]] = []

    async def receive() -> MutableMapping[str, Any]:
        if incoming:
            return incoming.pop()
        await asyncio.Event().wait()
        raise AssertionError("unreachable")

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    await asyncio.wait_for(app(scope, receive, send), SECONDS)
    start = sent[0]
    pairs = {key.decode().lower(): value.decode() for key, value in start["headers"]}
    return Answer(
        status=start["status"], headers=pairs, body=b"".join(message.get("body", b"") for message in sent[1:])
    )


async def knock(app: App, path: str, headers: Mapping[str, str]) -> tuple[list[str], Scope]:
    """Open a WebSocket; return the kinds of messages the application sent and the scope it was given."""
    scope = scope_of("websocket", path, method="GET", headers=headers, client="127.0.0.1")
    sent: list[str] = []

    async def receive() -> MutableMapping[str, Any]:
        return {"type": "websocket.connect"}

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message["type"])

    await asyncio.wait_for(app(scope, receive, send), SECONDS)
    return sent, scope
