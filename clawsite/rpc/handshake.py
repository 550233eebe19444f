"""The first three frames of a connection: challenge, connect, hello-ok. Errors raised here never hold the token."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from clawsite.rpc import codes
from clawsite.rpc.errors import HandshakeRefused, Unreachable
from clawsite.rpc.frames import HANDSHAKE_SECONDS, ErrorShape, Event, Request, Response
from clawsite.rpc.hello import Hello, Identity, read_hello
from clawsite.rpc.link import NOT_JSON
from clawsite.rpc.tokens import hide

CONNECT_ID = "connect"
_REFUSING = (codes.CLOSE_POLICY, codes.CLOSE_PROTOCOL)

_decoder = msgspec.json.Decoder(Event | Response)


async def shake_hands(
    socket: ClientConnection, identity: Identity, token: str, *, seconds: float = HANDSHAKE_SECONDS
) -> Hello:
    """Return the gateway's hello; HandshakeRefused when it says no, Unreachable when it says nothing that helps."""
    try:
        async with asyncio.timeout(seconds):
            await _receive(socket, _is_challenge)
            await socket.send(_make_connect(identity, token), text=True)
            answer = await _receive(socket, _is_answer)
    except TimeoutError:
        raise Unreachable(f"The gateway did not say hello within {seconds:g} s.") from None
    except ConnectionClosed as closed:
        raise _explain(closed, token) from None
    except NOT_JSON:
        raise Unreachable("What answers there does not speak the gateway protocol.") from None
    if answer.ok:
        return read_hello(answer.payload)
    raise HandshakeRefused(_hide(answer.error, token))


def _make_connect(identity: Identity, token: str) -> bytes:
    params = msgspec.Raw(msgspec.json.encode(identity.describe(token)))
    return msgspec.json.encode(Request(id=CONNECT_ID, method="connect", params=params))


async def _receive(socket: ClientConnection, is_wanted: Any) -> Any:
    """Return the first frame that is wanted; others before it are none of our business yet."""
    while True:
        frame = _decoder.decode(await socket.recv(decode=False))
        if is_wanted(frame):
            return frame


def _is_challenge(frame: Event | Response) -> bool:
    return isinstance(frame, Event) and frame.event == "connect.challenge"


def _is_answer(frame: Event | Response) -> bool:
    return isinstance(frame, Response) and frame.id == CONNECT_ID


def _explain(closed: ConnectionClosed, token: str) -> HandshakeRefused | Unreachable:
    """Tell a no from a failure when there was no answer before the end."""
    close = closed.rcvd
    reason = hide(close.reason, token) if close is not None else ""
    if close is not None and close.code in _REFUSING:
        shape = ErrorShape(code=codes.INVALID_REQUEST, message=reason or f"closed with {close.code}")
        return HandshakeRefused(shape, close_code=close.code)
    said = f" ({close.code} {reason}".rstrip() + ")" if close is not None else ""
    return Unreachable(f"The gateway ended the connection before it said hello{said}.")


def _hide(shape: ErrorShape | None, token: str) -> ErrorShape:
    """Return the refusal without the token, should the gateway repeat it."""
    if shape is None:
        return ErrorShape(code=codes.INVALID_REQUEST, message="it did not say why")
    if not token or token not in msgspec.json.encode(shape).decode():
        return shape
    message = hide(shape.message, token)
    return ErrorShape(code=shape.code, message=message, retryable=shape.retryable, retry_after_ms=shape.retry_after_ms)
