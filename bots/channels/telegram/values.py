"""Careful readers of outside JSON: `get_` insists and raises Unparsed, `find_` takes what is wrong for absent."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bots.channels.base import Unparsed
from bots.channels.rich import clean_text

_MAX_ID = 2**63


def get_map(data: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    """Return the object under a key; Unparsed when there is none."""
    value = data.get(key)
    if not isinstance(value, dict):
        raise Unparsed(f"{key} is not an object.")
    return value


def get_id(data: Mapping[str, Any], key: str) -> int:
    """Return the whole number under a key; Unparsed when there is none that 64 bits hold."""
    value = data.get(key)
    if not _is_number(value):
        raise Unparsed(f"{key} is not a number.")
    return int(value)  # type: ignore[arg-type]


def find_map(data: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    """Return the object under a key, or an empty one."""
    value = data.get(key)
    return value if isinstance(value, dict) else {}


def find_number(data: Mapping[str, Any], key: str) -> int:
    """Return the whole number under a key, or 0."""
    value = data.get(key)
    return int(value) if _is_number(value) else 0  # type: ignore[arg-type]


def find_text_value(data: Mapping[str, Any], key: str, *, limit: int) -> str:
    """Return the text under a key, cleaned and cut to `limit` characters, or ""."""
    value = data.get(key)
    return clean_text(value)[:limit] if isinstance(value, str) else ""


def _is_number(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and -_MAX_ID < value < _MAX_ID
