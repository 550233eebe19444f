"""Regular expressions of a skill's parameters. They are matched in our own process, against what a model wrote.

Invariant: what is let through takes at most quadratic time in a thousand characters. No group is repeated, at most two
parts are without an end or nearly so (a search that may begin anywhere is one), and all choices together can be made in
few ways; that says enough of a name, a period or a date.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

PATTERN_CHARS, TEXT_CHARS, REPEAT_MAX, WAYS_MAX = 200, 1000, 1000, 64
# A part that can be of more lengths than these counts as one without an end.
LENGTHS_MAX = 10
_ESCAPED = re.compile(r"\\.", re.DOTALL)
_CLASS = re.compile(r"\[\^?\]?[^\]]*\]")
_REPEATED_GROUP = re.compile(r"\)\s*[*+{]")
_ENDLESS = re.compile(r"[*+]|\{\d*,\}")
_COUNTED = re.compile(r"\{(\d*)(,?)(\d*)\}")
_OPENING = re.compile(r"\(\?(?:P<\w+>|[a-zA-Z]*:|[a-zA-Z]+\))")


def find_slow(schema: Mapping[str, Any]) -> str:
    """Return what is wrong with the first pattern in a schema that could take long, "" when there is none."""
    found = _find(schema)
    inner = [*schema.get("properties", {}).values(), *filter(None, [schema.get("items")])]
    return found or next(filter(None, map(find_slow, inner)), "")


def _find(schema: Mapping[str, Any]) -> str:
    pattern = schema.get("pattern", "")
    if len(pattern) > PATTERN_CHARS:
        return f"a pattern has more than {PATTERN_CHARS} characters"
    bare = _CLASS.sub("x", _ESCAPED.sub("x", pattern))
    if _REPEATED_GROUP.search(bare) or re.search(r"\\[1-9]|\(\?P=|\(\?[=!<]", pattern):
        return "a pattern repeats a group, refers back or looks around, which can take for ever"
    if _count_long(bare) > 2:
        return "a pattern has more than two parts without an end"
    if _count_ways(bare) > WAYS_MAX:
        return "a pattern has too many parts that may be there or not; for a list of words use enum"
    if pattern and not 0 < schema.get("maxLength", 0) <= TEXT_CHARS:
        return f"text with a pattern needs a maxLength of at most {TEXT_CHARS}"
    return ""


def _ranges(bare: str) -> list[tuple[int, int]]:
    """Return least and most of each {2}, {2,5} and {,5}; those without an end are not among them."""
    found = _COUNTED.findall(bare)
    return [(int(least or 0), int(most or least)) for least, comma, most in found if most or (least and not comma)]


def _count_long(bare: str) -> int:
    """Return how many parts can be of very many lengths; with an end that is too far off, more than any pattern may."""
    ranges = _ranges(bare)
    if max((most for _, most in ranges), default=0) > REPEAT_MAX:
        return len(bare)
    long = sum(most - least >= LENGTHS_MAX for least, most in ranges)
    return len(_ENDLESS.findall(bare)) + long + (not bare.startswith("^"))


def _count_ways(bare: str) -> int:
    """Return in how many ways the choices of a pattern can be made together, at least."""
    text = _OPENING.sub("(", bare)
    short = (most - least + 1 for least, most in _ranges(text) if 0 <= most - least < LENGTHS_MAX)
    either = (part.count("|") + 1 for part in re.split(r"[()]", text))
    return math.prod([*short, *either, 2 ** text.count("?")])
