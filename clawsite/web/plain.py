"""Plain ASGI: reading a request and answering it without Django, for what must be fast or work when it does not."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

POLICY_VIOLATION = 1008


class TooLarge(Exception):
    """The body is longer than allowed."""


def find_header(scope: Scope, name: str) -> str:
    """Return a request header ("" when it is absent or given more than once with different values)."""
    wanted = name.lower().encode("latin-1")
    values = {value for key, value in scope.get("headers", ()) if key.lower() == wanted}
    return values.pop().decode("latin-1") if len(values) == 1 else ""


def has_header(scope: Scope, name: str) -> bool:
    """Tell whether a request header was sent."""
    wanted = name.lower().encode("latin-1")
    return any(key.lower() == wanted for key, _ in scope.get("headers", ()))


async def read_body(scope: Scope, receive: Receive, *, limit: int) -> bytes:
    """Return the whole body; TooLarge as soon as it is known to be longer than the limit."""
    length = find_header(scope, "content-length")
    if length.isdecimal() and int(length) > limit:
        raise TooLarge
    body = b""
    while True:
        message = await receive()
        body += bytes(message.get("body", b""))
        if len(body) > limit:
            raise TooLarge
        if message["type"] == "http.disconnect" or not message.get("more_body"):
            return body


async def answer(
    send: Send,
    status: int,
    body: bytes,
    *,
    content_type: str = "text/plain; charset=utf-8",
    headers: Mapping[str, str] | None = None,
) -> None:
    """Send one whole answer. It is never cached."""
    pairs = {
        "content-type": content_type,
        "content-length": str(len(body)),
        "cache-control": "no-store",
        "x-content-type-options": "nosniff",
        **(headers or {}),
    }
    raw = [(key.encode("latin-1"), value.encode("latin-1")) for key, value in pairs.items()]
    await send({"type": "http.response.start", "status": status, "headers": raw})
    await send({"type": "http.response.body", "body": body})


async def answer_json(send: Send, status: int, value: object) -> None:
    """Send a JSON answer."""
    await answer(send, status, json.dumps(value).encode(), content_type="application/json")


async def refuse(scope: Scope, receive: Receive, send: Send, *, status: int, reason: str) -> None:
    """Turn away an HTTP request with the status, or a WebSocket before it is accepted (the client sees 403)."""
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.close", "code": POLICY_VIOLATION})
        return
    await answer(send, status, reason.encode())
