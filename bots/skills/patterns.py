"""Regular expressions of a skill's parameters. They are matched in our own process, against what a model wrote.

Invariant: what is let through takes at most quadratic time in a thousand characters. No group is repeated, and at most
two parts are without an end; that says enough of a name, a period or a date.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

PATTERN_CHARS, TEXT_CHARS, REPEAT_MAX = 200, 1000, 1000
_ESCAPED = re.compile(r"\\.", re.DOTALL)
_CLASS = re.compile(r"\[\^?\]?[^\]]*\]")
_REPEATED_GROUP = re.compile(r"\)\s*[*+{]")
_ENDLESS = re.compile(r"[*+]|\{\d*,\}")
_COUNTED = re.compile(r"\{(\d+)(?:,(\d+))?\}")


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
    counts = [int(most or least) for least, most in _COUNTED.findall(bare)]
    if (
        len(_ENDLESS.findall(bare)) > 2
        or sum(count > 100 for count in counts) > 1
        or max(counts, default=0) > REPEAT_MAX
    ):
        return "a pattern has more than two parts without an end"
    if pattern and not 0 < schema.get("maxLength", 0) <= TEXT_CHARS:
        return f"text with a pattern needs a maxLength of at most {TEXT_CHARS}"
    return ""
