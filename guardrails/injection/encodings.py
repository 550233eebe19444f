"""Payloads in disguise: base64, hex, percent, entities, escapes, rot13, reversed, and strings cut into pieces.

Invariant: one level is decoded and no more; only readable text comes out; what is decoded is bounded by the window.
"""

from __future__ import annotations

import base64
import binascii
import codecs
import html
import re
from collections.abc import Iterator
from urllib.parse import unquote

_BASE64 = re.compile(
    r"(?<![A-Za-z0-9+/_\-])[A-Za-z0-9+/_\-]{20,}(?![A-Za-z0-9+/_\-])"
    r"|(?<=\n)[A-Za-z0-9+/_\-]{4,19}(?==|\r?\n|\Z)"  # the short last line of a wrapped payload
)
_HEX = re.compile(r"(?<![0-9A-Za-z])(?:[0-9A-Fa-f]{2}[ :,]?){12,}(?![0-9A-Za-z])")
_ESCAPES = re.compile(r"\\(?:x([0-9A-Fa-f]{2})|u([0-9A-Fa-f]{4})|u\{([0-9A-Fa-f]{1,5})\})")
_BINARY = re.compile(r"(?<![01])(?:[01]{8}[ ,]?){8,}(?![01])")
_PERCENT = re.compile(r"(?:%[0-9A-Fa-f]{2}|\+)")
_ENTITY = re.compile(r"&#?\w{2,8};")
_QUOTED = re.compile(r"[\"'\u201c\u00ab]([^\"'\u201c\u201d\u00ab\u00bb\n]{1,80})[\"'\u201d\u00bb]")
_JOINS = re.compile(r"\w\s?\+\s?\w|concat|combin|junt|\bjoin|merg|соедин|склей|объедин|сложи", re.IGNORECASE)
_FEW = 3  # fewer escapes than this spell nothing
_READABLE = 0.85

# rot13 and reversed text are only tried where a tell-tale word stands, so that plain text costs nothing.
_ROT13_SIGNS = ("vafgehp", "vtaber", "flfgrz", "cebzcg", "qvfertneq", "cerivbhf", "sbetrg", "vafgehpb", "vtabe")
_REVERSED_SIGNS = (
    "tcurtsni",
    "erongi",
    "metsys",
    "tpmorp",
    "drager",
    "suoiverp",
    "tegrof",
    "seõçurtsni",
    "иицкуртсни",
    "йуриронги",
)


def decoded(text: str) -> Iterator[str]:
    """Yield each readable text found in disguise, at most one for each kind of disguise."""
    for candidate in (
        _joined(_from_base64(match[0]) for match in _BASE64.finditer(text)),
        _joined(_from_hex(match[0]) for match in _HEX.finditer(text)),
        _joined(_from_binary(match[0]) for match in _BINARY.finditer(text)),
        _unescaped(text),
        _glued(text),
    ):
        if candidate:
            yield candidate
    yield from _turned(text)


def _joined(pieces: Iterator[str]) -> str:
    """Pieces put together: a payload wrapped over several lines is read as one."""
    return "".join(pieces)


def _readable(data: bytes) -> str:
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        return ""
    fine = sum(char.isprintable() or char in "\n\t" for char in text)
    return text if text and fine >= _READABLE * len(text) else ""


def _from_base64(token: str) -> str:
    raw = token.replace("-", "+").replace("_", "/")
    try:
        return _readable(base64.b64decode(raw + "=" * (-len(raw) % 4)))
    except (binascii.Error, ValueError):
        return ""


def _from_hex(token: str) -> str:
    digits = re.sub(r"[ :,]", "", token)
    return _readable(bytes.fromhex(digits[: len(digits) // 2 * 2]))


def _from_binary(token: str) -> str:
    bits = re.sub(r"[ ,]", "", token)
    return _readable(bytes(int(bits[i : i + 8], 2) for i in range(0, len(bits) - 7, 8)))


def _unescaped(text: str) -> str:
    """Percent, entity and backslash escapes undone, or "" where there are too few to spell a word."""
    result = text
    if text.count("%") >= _FEW and len(_PERCENT.findall(text)) >= _FEW:
        result = unquote(result.replace("+", " "), errors="ignore")
    if text.count("&") >= _FEW and len(_ENTITY.findall(text)) >= _FEW:
        result = html.unescape(result)
    if text.count("\\") >= _FEW:
        result = _ESCAPES.sub(lambda match: chr(int(match[1] or match[2] or match[3], 16)), result)
    return result if result != text else ""


def _glued(text: str) -> str:
    """Short quoted strings in a text that speaks of joining them, put together."""
    parts = _QUOTED.findall(text)
    return "".join(parts) if len(parts) > 1 and _JOINS.search(text) else ""


def _turned(text: str) -> Iterator[str]:
    lower = text.lower()
    if any(sign in lower for sign in _ROT13_SIGNS):
        yield codecs.decode(lower, "rot13")
    if any(sign in lower for sign in _REVERSED_SIGNS):
        yield lower[::-1]
