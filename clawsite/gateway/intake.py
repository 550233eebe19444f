"""From bytes to a request. Whatever comes in, the outcome is a Request or a BadFrame that says what is wrong."""

from __future__ import annotations

from typing import Any

import msgspec

from clawsite.rpc.frames import MAX_ID_CHARS, MAX_METHOD_CHARS, Request

UNKNOWN_ID = "invalid"
_NUL = b"\\u0000"


class BadFrame(Exception):
    """A frame that cannot be used. `request_id` is its id, or "invalid" when it has none that can be told."""

    def __init__(self, message: str, request_id: str = UNKNOWN_ID) -> None:
        super().__init__(message)
        self.message = message
        self.request_id = request_id


class _Head(msgspec.Struct):
    id: Any = None


_decode = msgspec.json.Decoder(Request).decode
_decode_head = msgspec.json.Decoder(_Head).decode


def parse_request(data: bytes) -> Request:
    """Return the request in a frame."""
    try:
        request = _decode(data)
        has_nul = _NUL in data and _has_nul(data)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise BadFrame(f"invalid request frame: {_explain(error)}", _find_id(data)) from None
    if not 0 < len(request.id) <= MAX_ID_CHARS:
        raise BadFrame(f"invalid request frame: id must have 1 to {MAX_ID_CHARS} characters")
    if not 0 < len(request.method) <= MAX_METHOD_CHARS:
        raise BadFrame(f"invalid request frame: method must have 1 to {MAX_METHOD_CHARS} characters", request.id)
    if has_nul:
        raise BadFrame("invalid request frame: text must not contain NUL characters", request.id)
    return request


def _explain(error: Exception) -> str:
    if isinstance(error, RecursionError):
        return "nested too deeply"
    if isinstance(error, UnicodeDecodeError):
        return "text is not UTF-8"
    return str(error)[:300]


def _find_id(data: bytes) -> str:
    """Return the id of a frame that is wrong elsewhere."""
    try:
        found = _decode_head(data).id
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return UNKNOWN_ID
    return found if isinstance(found, str) and 0 < len(found) <= MAX_ID_CHARS else UNKNOWN_ID


def _has_nul(data: bytes) -> bool:
    """Tell whether a string or a key has a NUL, and not only the text of its escape."""
    waiting = [msgspec.json.decode(data)]
    while waiting:
        value = waiting.pop()
        if isinstance(value, str) and "\0" in value:
            return True
        if isinstance(value, list):
            waiting.extend(value)
        elif isinstance(value, dict):
            waiting.extend(value)
            waiting.extend(value.values())
    return False
