"""What the page may say over its socket. Whatever comes in, the answer is a frame or a BadInput."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

from clawsite.core.errors import BadInput

MAX_BYTES = 64 * 1024
MAX_FILES = 10
MAX_SENT = 100
_ID = re.compile(r"[0-9a-f]{32}")
_BIGGEST = 2**31 - 1


@dataclass(frozen=True, slots=True)
class Hello:
    """The page is there and has seen everything up to `last_seq` (0: nothing); `sent` was taken, not seen."""

    last_seq: int
    sent: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Send:
    """A typed message. `id` is the page's own and stays the same when it sends again; `files` are signed references."""

    id: str
    text: str
    files: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Callback:
    """A pressed button of message `seq`."""

    id: str
    seq: int
    data: str


@dataclass(frozen=True, slots=True)
class Older:
    """A page of history before a message."""

    before: int


@dataclass(frozen=True, slots=True)
class Ack:
    """The page has taken every frame up to this number."""

    n: int


@dataclass(frozen=True, slots=True)
class Ping:
    """Is anybody there?"""


Frame = Hello | Send | Callback | Older | Ack | Ping


def parse_frame(text: str) -> Frame:
    """Return the frame; BadInput for anything else."""
    try:
        data = json.loads(text)
    except (ValueError, RecursionError):
        raise BadInput("This is not JSON.") from None
    if not isinstance(data, dict):
        raise BadInput("A frame is a JSON object.")
    return _parse(data)


def find_id(text: str) -> str:
    """Return the id of a frame that could not be used, so that the page knows which one; or ""."""
    found = re.search(r'"id"\s*:\s*"([0-9a-f]{32})"', text[:MAX_BYTES])
    return found.group(1) if found else ""


def _parse(data: dict[str, Any]) -> Frame:
    match data.get("t"):
        case "hello":
            return Hello(_number(data, "last_seq"), _ids(data.get("sent", [])))
        case "send":
            return Send(_id(data), _text(data, "text"), _refs(data.get("files", [])))
        case "callback":
            return Callback(_id(data), _number(data, "seq"), _text(data, "data")[:64])
        case "older":
            return Older(_number(data, "before"))
        case "ack":
            return Ack(_number(data, "n"))
        case "ping":
            return Ping()
    raise BadInput("There is no such frame.")


def _number(data: dict[str, Any], key: str) -> int:
    value = data.get(key)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= _BIGGEST:
        raise BadInput(f"{key} must be a whole number.")
    return value


def _text(data: dict[str, Any], key: str) -> str:
    value = data.get(key, "")
    if not isinstance(value, str):
        raise BadInput(f"{key} must be text.")
    return value


def _id(data: dict[str, Any]) -> str:
    value = data.get("id")
    if not _is_id(value):
        raise BadInput("id must be 32 hexadecimal digits.")
    return str(value)


def _ids(value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or len(value) > MAX_SENT or not all(_is_id(item) for item in value):
        raise BadInput(f"sent must be a list of at most {MAX_SENT} ids.")
    return tuple(value)


def _is_id(value: object) -> bool:
    return isinstance(value, str) and _ID.fullmatch(value) is not None


def _refs(value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or len(value) > MAX_FILES or not all(isinstance(item, str) for item in value):
        raise BadInput(f"files must be a list of at most {MAX_FILES} references.")
    return tuple(value)
