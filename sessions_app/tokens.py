"""How many tokens a text will cost, estimated by script without a tokenizer, and corrected by what models report.

Invariant: an estimate is O(n), needs no network and never undercounts by so much that a prompt built on it bursts:
each session multiplies it by its own learned ratio (measured / estimated), which stays within fixed bounds.
"""

from __future__ import annotations

import math

# Tokens per character by kind of character. The classes are told apart by the first byte of their UTF-8 form:
# D0-D4 open Cyrillic, E0-EF mostly CJK (and Thai, Indic, typographic punctuation), F0-F4 emoji and rare scripts.
_WEIGHTS = {
    "letter": 0.26,
    "space": 0.06,
    "digit": 0.45,
    "symbol": 0.7,
    "accented": 0.8,
    "cyrillic": 0.42,
    "other": 0.6,
    "wide": 1.1,
    "rare": 2.5,
}
_CLASSES = {name: bytes([code]) for code, name in enumerate(_WEIGHTS, start=1)}

RATIO_LEAST, RATIO_MOST = 0.5, 3.0
_SMOOTHING = 0.2
_ENOUGH_TO_LEARN = 200


def _class_of(byte: int) -> str:
    """Return the class a byte opens, "" for the continuation bytes that add nothing."""
    ranges = (
        (0x00, 0x20, "space"), (0x21, 0x7F, "symbol"), (0x80, 0xBF, ""), (0xC0, 0xCC, "accented"),
        (0xCD, 0xCF, "other"), (0xD0, 0xD4, "cyrillic"), (0xD5, 0xDF, "other"), (0xE0, 0xEF, "wide"),
        (0xF0, 0xFF, "rare"),
    )  # fmt: skip
    if chr(byte).isascii() and chr(byte).isalnum():
        return "digit" if chr(byte).isdigit() else "letter"
    return next(name for first, last, name in ranges if first <= byte <= last)


_TABLE = b"".join(_CLASSES.get(_class_of(byte), b"\0") for byte in range(256))


def estimate(text: str) -> int:
    """Return about how many tokens the text is, before a session's ratio. Empty text is 0, any other at least 1."""
    if not text:
        return 0
    classes = text.encode("utf-8", "surrogatepass").translate(_TABLE)
    total = sum(classes.count(_CLASSES[name]) * weight for name, weight in _WEIGHTS.items())
    return max(1, math.ceil(total))


def scale(tokens: int, ratio: float) -> int:
    """Return estimated tokens corrected by a session's ratio, which is kept within its bounds."""
    return math.ceil(tokens * min(max(ratio, RATIO_LEAST), RATIO_MOST))


def learn_ratio(old: float, estimated: int, measured: int) -> float:
    """Return the new ratio after one answer: exponential smoothing, bounded; tiny or odd samples teach nothing."""
    bounded = min(max(old, RATIO_LEAST), RATIO_MOST)
    if estimated < _ENOUGH_TO_LEARN or measured <= 0:
        return bounded
    seen = min(max(measured / estimated, RATIO_LEAST), RATIO_MOST)
    return round(bounded + _SMOOTHING * (seen - bounded), 4)


def cut(text: str, limit: int, *, ratio: float = 1.0) -> str:
    """Return the longest comfortable beginning of at most `limit` tokens, ending in "…" when something is missing."""
    if scale(estimate(text), ratio) <= limit:
        return text
    room = limit - scale(estimate("…"), ratio)
    if room <= 0:
        return ""
    keep = min(len(text), room * 20)
    while keep and (tokens := scale(estimate(text[:keep]), ratio)) > room:
        keep = min(keep - 1, int(keep * room / tokens))
    return _at_boundary(text[:keep]) + "…" if keep else ""


def _at_boundary(text: str) -> str:
    """Return the text without a half line or half word at its end, if that costs less than a quarter of it."""
    for mark in ("\n", ". ", " "):
        end = text.rfind(mark)
        if end >= len(text) * 3 // 4:
            return text[: end + (mark == ". ")].rstrip()
    return text.rstrip()
