"""Frames of the gateway protocol: one JSON object in one text frame, either way. Both ends read them here.

A request is answered by one response with its id (a few methods send two: first "accepted", then the end). Events come
unasked. Unknown fields of a frame are ignored; parameters are the method's business and stay undecoded.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

PROTOCOL = 4
LEAST_PROTOCOL = 3
TICK_SECONDS = 30.0
MAX_FRAME_BYTES = 25 * 1024 * 1024
MAX_PREAUTH_BYTES = 64 * 1024
MAX_BUFFERED_BYTES = 50 * 1024 * 1024
HANDSHAKE_SECONDS = 15.0
MAX_ID_CHARS = 128
MAX_METHOD_CHARS = 128

NOTHING = msgspec.Raw(b"{}")


class ErrorShape(msgspec.Struct, kw_only=True, omit_defaults=True, rename="camel"):
    """What went wrong: `code` and `details.code` are for programs, `message` for people."""

    code: str
    message: str
    details: Any = None
    retryable: bool | None = None
    retry_after_ms: int | None = None


class Request(msgspec.Struct, kw_only=True, omit_defaults=True, tag="req", tag_field="type"):
    """A call. `params` is raw JSON; absent and null both mean {}."""

    id: str
    method: str
    params: msgspec.Raw = NOTHING


class Response(msgspec.Struct, kw_only=True, omit_defaults=True, tag="res", tag_field="type"):
    """The answer to the request with this id."""

    id: str
    ok: bool
    payload: Any = None
    error: ErrorShape | None = None


class Event(msgspec.Struct, kw_only=True, omit_defaults=True, tag="event", tag_field="type"):
    """A notice. `seq` counts the broadcasts of one connection from 1; targeted events have none."""

    event: str
    payload: Any = None
    seq: int | None = None
    stateVersion: dict[str, int] | None = None


Frame = Request | Response | Event
FrameType = Literal["req", "res", "event"]
