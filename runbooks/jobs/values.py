"""JSON that both databases store: bounded, and without what one of them refuses (NUL, lone surrogates, NaN)."""

from __future__ import annotations

import json
import math
from typing import Any

import msgspec

from clawsite.core.errors import BadInput

MAX_DEPTH = 64
_SLACK = 256


def size_of(value: Any) -> int:
    """Return the bytes of a value as JSON."""
    return len(json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace"))


def is_storable(value: Any, depth: int = 0) -> bool:
    """Tell whether a JSON value can be stored as it is."""
    if isinstance(value, str):
        return "\x00" not in value and not any("\ud800" <= char <= "\udfff" for char in value)
    if isinstance(value, float):
        return math.isfinite(value)
    if isinstance(value, dict):
        return depth < MAX_DEPTH and all(
            is_storable(key) and is_storable(each, depth + 1) for key, each in value.items()
        )
    if isinstance(value, list):
        return depth < MAX_DEPTH and all(is_storable(each, depth + 1) for each in value)
    return True


def check_size(value: Any, limit: int, *, what: str) -> None:
    """Raise BadInput when a value is larger than so many bytes."""
    size = size_of(value)
    if size > limit:
        raise BadInput(f"{what} are {size} bytes long; at most {limit} are taken.")


def bound(value: Any, limit: int) -> Any:
    """Return a value that can be stored and has at most so many bytes; what is cut says so under "cut".

    Long texts directly in an object are shortened and keep their names; anything else large becomes its beginning.
    """
    clean = _clean(msgspec.to_builtins(value, enc_hook=str), 0)
    size = size_of(clean)
    if size <= limit:
        return clean
    if isinstance(clean, dict):
        shorter = _shorten(clean, limit, size)
        if size_of(shorter) <= limit:
            return shorter
    head = json.dumps(clean, ensure_ascii=False)[: (limit - _SLACK) // 4]
    return {"cut": True, "bytes": size, "head": _fit(head, limit - _SLACK)}


def _shorten(value: dict[str, Any], limit: int, size: int) -> dict[str, Any]:
    texts = {key: size_of(each) for key, each in value.items() if isinstance(each, str)}
    room = limit - _SLACK - (size - sum(texts.values()))
    if room <= 0:
        return value
    shares: dict[str, int] = {}
    for number, key in enumerate(sorted(texts, key=texts.__getitem__)):  # what a short one leaves goes to the longer
        shares[key] = min(texts[key], room // (len(texts) - number))
        room -= shares[key]
    cut = {key: _fit(each, shares[key]) if key in shares else each for key, each in value.items()}
    return cut | {"cut": True, "bytes": size}


def _fit(text: str, limit: int) -> str:
    """Return the beginning of a text whose JSON has at most so many bytes."""
    while size_of(text) > limit:
        text = text[: min(len(text) - 1, len(text) * limit // size_of(text))]
    return text


def _clean(value: Any, depth: int) -> Any:
    if isinstance(value, str):
        return value.replace("\x00", "\ufffd").encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if depth >= MAX_DEPTH and isinstance(value, dict | list):
        return "..."
    if isinstance(value, dict):
        return {str(_clean(key, depth)): _clean(each, depth + 1) for key, each in value.items()}
    if isinstance(value, list):
        return [_clean(each, depth + 1) for each in value]
    return value
