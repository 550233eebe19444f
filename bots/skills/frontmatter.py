"""SKILL.md taken apart: front matter with the line of each value, and the instructions after it.

Invariant: YAML makes no objects here and expands nothing. Values are text, lists and mappings of text; aliases,
tags and deep nesting are refused before anything is built.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

MARK = "---"
FRONT_CHARS = 16_000
NODES_MAX = 500
DEPTH_MAX = 6
_END = re.compile(r"^---[ \t]*$", re.MULTILINE)


class BadFrontMatter(Exception):
    """The front matter cannot be read; `line` counts from the beginning of the file."""

    def __init__(self, text: str, line: int) -> None:
        super().__init__(text)
        self.text, self.line = text, line


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """One value of the front matter and the line it stands in."""

    value: Any
    line: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Document:
    """A SKILL.md: its front matter, its instructions, and the line where these begin."""

    front: dict[str, Entry]
    body: str
    body_line: int


def read_document(text: str) -> Document:
    """Take a SKILL.md apart. Raises BadFrontMatter."""
    text = text.removeprefix("\ufeff").replace("\r\n", "\n")
    first, _, rest = text.partition("\n")
    if first.rstrip() != MARK:
        raise BadFrontMatter("the file must begin with a line of three dashes, then name and description", 1)
    end = _END.search(rest)
    if end is None:
        raise BadFrontMatter("a second line of three dashes must end the front matter", 1)
    front = rest[: end.start()]
    if len(front) > FRONT_CHARS:
        raise BadFrontMatter(f"the front matter is longer than {FRONT_CHARS} characters", 2)
    body = rest[end.end() :]
    blank = len(body) - len(body.lstrip()) if body.strip() else 1
    body_line = front.count("\n") + 2 + body[:blank].count("\n")
    return Document(front=_read_front(front), body=body.strip(), body_line=body_line)


def _read_front(text: str) -> dict[str, Entry]:
    # PyYAML is loaded by whoever installs a skill, and by nobody else.
    import yaml

    try:
        _check_events(yaml, text)
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise BadFrontMatter(f"this is no YAML: {error.problem or error.context}", _line(mark)) from None
    except yaml.YAMLError as error:
        position = getattr(error, "position", 0)
        line = text[:position].count("\n") + 2
        raise BadFrontMatter("this is no YAML: a character that cannot stand here", line) from None
    if not isinstance(node, yaml.MappingNode):
        raise BadFrontMatter("the front matter must be lines of the form name: value", 2)
    return {key: Entry(value=_value(value), line=line) for key, value, line in _pairs(node)}


def _check_events(yaml: Any, text: str) -> None:
    """Refuse what could grow or run, while it is still a flat row of events."""
    depth = 0
    for number, event in enumerate(yaml.parse(text, Loader=yaml.SafeLoader)):
        line = _line(event.start_mark)
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise BadFrontMatter("anchors and aliases (& and *) cannot be used here", line)
        if getattr(event, "tag", None) is not None:
            raise BadFrontMatter("tags (!) cannot be used here", line)
        depth += isinstance(event, yaml.CollectionStartEvent)
        depth -= isinstance(event, yaml.CollectionEndEvent)
        if depth > DEPTH_MAX or number > NODES_MAX:
            raise BadFrontMatter("the front matter holds too much, or too deep", line)


def _pairs(node: Any) -> list[tuple[str, Any, int]]:
    found: dict[str, tuple[str, Any, int]] = {}
    for key, value in node.value:
        line = _line(key.start_mark)
        if key.id != "scalar":
            raise BadFrontMatter("a name must be a word", line)
        name = str(key.value)
        if name in found:
            raise BadFrontMatter(f"{name[:40]!r} stands here twice", line)
        found[name] = (name, value, line)
    return list(found.values())


def _value(node: Any) -> Any:
    """Return a value as it was written: 1.10 stays 1.10, and `no` is a word."""
    if node.id == "scalar":
        return str(node.value)
    if node.id == "sequence":
        return [_value(each) for each in node.value]
    return {name: _value(value) for name, value, _ in _pairs(node)}


def _line(mark: Any) -> int:
    return int(mark.line) + 2 if mark is not None else 2
