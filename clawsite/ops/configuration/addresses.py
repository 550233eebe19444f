"""Addresses as they may stand in a repository: a password or token in one is left out."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

_ADDRESS = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]*://\S+")
_SECRET = re.compile(r"(?i)token|key|secret|passw|pwd|auth|credential|signature|^sig$|^code$")


def without_secrets(value: Any) -> Any:
    """Return a value in which every address, however deep, has lost its secrets. What holds none is the same."""
    if isinstance(value, dict):
        return {name: without_secrets(each) for name, each in value.items()}
    if isinstance(value, list):
        return [without_secrets(each) for each in value]
    return _bare(value) if isinstance(value, str) and _ADDRESS.fullmatch(value) else value


def with_secrets(value: Any, kept: Any) -> Any:
    """Return a value with those that the kept one holds in the same place, wherever it is else as it was shown."""
    if value == without_secrets(kept):
        return kept
    if isinstance(value, dict) and isinstance(kept, dict):
        return {name: with_secrets(each, kept.get(name)) for name, each in value.items()}
    if isinstance(value, list) and isinstance(kept, list) and len(value) == len(kept):
        return [with_secrets(*pair) for pair in zip(value, kept, strict=True)]
    return value


def _bare(address: str) -> str:
    try:
        parts = urlsplit(address)
    except ValueError:
        return address
    host = parts.netloc.rpartition("@")[2]
    given = parse_qsl(parts.query, keep_blank_values=True)
    kept = [(name, value) for name, value in given if not _SECRET.search(name)]
    if host == parts.netloc and kept == given:
        return address  # as it was written
    return parts._replace(netloc=host, query=urlencode(kept)).geturl()
