"""Frames as bytes. A payload is encoded once; what goes around it is put together here."""

from __future__ import annotations

from typing import Any

import msgspec

from clawsite.gateway.errors import GatewayError
from clawsite.rpc import codes
from clawsite.rpc.frames import ErrorShape

encode = msgspec.json.Encoder().encode
END = b"}"
BUSY = ErrorShape(
    code=codes.UNAVAILABLE,
    message="The server is busy. Please try again in a moment.",
    retryable=True,
    retry_after_ms=500,
)
_BUSY = encode(BUSY)
_heads: dict[str, bytes] = {}


def event_head(event: str) -> bytes:
    """Return an event frame up to its payload."""
    head = _heads.get(event)
    if head is None:
        head = _heads[event] = b'{"type":"event","event":%b,"payload":' % encode(event)
    return head


def answer(request_id: str, payload: Any) -> bytes:
    """Return the response of a request that went well."""
    return b'{"type":"res","id":%b,"ok":true,"payload":%b}' % (encode(request_id), encode(payload))


def refusal(request_id: str, shape: ErrorShape, payload: Any = None) -> bytes:
    """Return the response of one that did not."""
    body = b"" if payload is None else b',"payload":' + encode(payload)
    error = _BUSY if shape is BUSY else encode(shape)
    return b'{"type":"res","id":%b,"ok":false%b,"error":%b}' % (encode(request_id), body, error)


def payload_of(error: BaseException) -> Any:
    """Return the payload that goes along with an error, where the protocol wants both."""
    return error.payload if isinstance(error, GatewayError) else None
