"""Runbooks as YAML. What is wrong is said with its line, and with the step where it is in one.

Plain YAML only: no anchors (a few lines of them can stand for gigabytes), no dates, no octal numbers, and `yes` and
`no` are words. Reading what was written gives the same runbook again.
"""

from __future__ import annotations

import re
from collections.abc import Hashable
from typing import Any

import yaml

from clawsite.core.errors import BadInput
from runbooks.books.checks import check_book
from runbooks.books.spec import Book, BookError, Place, convert_book, to_json

MAX_BYTES = 256 * 1024
MAX_DEPTH = 40
_COLLECTIONS = ("tag:yaml.org,2002:map", "tag:yaml.org,2002:seq")


class _Loader(yaml.SafeLoader):
    """The safe loader without what surprises people."""


_Loader.yaml_implicit_resolvers = {}
for _kind, _pattern, _first in (
    ("bool", r"true|false", "tf"),
    ("null", r"null|~|", "n~"),
    ("int", r"-?(?:0|[1-9][0-9]{0,17})", "-0123456789"),
    ("float", r"-?(?:0|[1-9][0-9]*)\.[0-9]+", "-0123456789"),
):
    _whole = re.compile(rf"(?:{_pattern})\Z")
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_kind}", _whole, [*_first, *([""] if _kind == "null" else [])])


def read_book(text: str, *, name: str = "") -> Book:
    """Return the runbook that a YAML text describes; BadInput says in which line and step something is wrong."""
    if len(text.encode("utf-8", "replace")) > MAX_BYTES:
        raise BadInput(f"A runbook has at most {MAX_BYTES // 1024} KiB.")
    file = f"{name}, " if name else ""
    try:
        root, value = parse_yaml(text)
    except BadInput as error:
        raise BadInput(f"{file}{error.message}") from None
    try:
        book = convert_book(value)
        check_book(book)
    except BookError as error:
        where = f"line {line_of(root, error.place)}: "
        raise BadInput(f"{file}{where}{say_place(error, value)}") from None
    return book


def write_book(book: Book) -> str:
    """Return the YAML of a runbook."""
    return write_yaml(to_json(book))


def read_yaml(text: str) -> Any:
    """Return the value of a plain YAML text, such as the parameters of one step; BadInput names the line."""
    if not text.strip():
        return None
    return parse_yaml(text, whole=False)[1]


def write_yaml(value: Any) -> str:
    """Return a value as YAML; nothing is an empty text."""
    if value is None or value == {} or value == []:
        return ""
    return str(yaml.safe_dump(value, sort_keys=False, allow_unicode=True, width=110))


def say_place(error: BookError, value: Any) -> str:
    """Return the message with its place in words: the step's number and title, then the keys."""
    place = list(error.place)
    words: list[str] = []
    if len(place) > 1 and place[0] in ("steps", "parameters") and isinstance(place[1], int):
        words.append(f"{str(place[0])[:-1]} {place[1] + 1}{_title(value, place[0], place[1])}")
        place = place[2:]
    keys = ".".join(str(each + 1) if isinstance(each, int) else str(each) for each in place)
    return ": ".join([*words, *([keys] if keys else []), error.message]) + "."


def _title(value: Any, key: Any, number: int) -> str:
    try:
        row = value[key][number]
        name = row.get("title") or row.get("name")
    except (KeyError, IndexError, TypeError, AttributeError):
        return ""
    return f" ({str(name)[:60]})" if name else ""


def parse_yaml(text: str, *, whole: bool = True, noun: str = "A runbook") -> tuple[yaml.Node, Any]:
    """Return the nodes and the value of a text; what is `whole` is a mapping. BadInput calls it by its noun."""
    try:
        _check_plain(text, noun)
        root = yaml.compose(text, Loader=_Loader)
        if root is None or (whole and not isinstance(root, yaml.MappingNode)):
            raise BadInput(f"line 1: {noun[:1].lower()}{noun[1:]} is a mapping that begins with its name.")
        return root, _build(root)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        raise BadInput(f"{where}{error.problem or error.context or 'this is no YAML'}.") from None
    except (yaml.YAMLError, RecursionError):
        raise BadInput("This is not plain YAML text.") from None


def _check_plain(text: str, noun: str) -> None:
    """Raise before anything is built of a text that would grow, or take long: with aliases, or nested deeply."""
    depth = 0
    for event in yaml.parse(text, Loader=_Loader):
        if isinstance(event, yaml.AliasEvent):
            raise BadInput(f"{noun} uses no anchors and aliases (& and *).")
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > MAX_DEPTH:
            raise BadInput(f"{noun} is nested {MAX_DEPTH} levels deep at most.")


def _build(node: yaml.Node) -> Any:
    """Return the value of a node; a key that stands twice is an error in its line."""
    if isinstance(node, yaml.CollectionNode) and node.tag not in _COLLECTIONS:
        raise yaml.MarkedYAMLError(problem=f"values of the type {node.tag} are not used", problem_mark=node.start_mark)
    if isinstance(node, yaml.MappingNode):
        made: dict[Hashable, Any] = {}
        for key, value in node.value:
            name = _build(key)
            if not isinstance(name, str):
                raise yaml.MarkedYAMLError(problem="a key must be text", problem_mark=key.start_mark)
            if name in made:
                raise yaml.MarkedYAMLError(problem=f"{name!r} stands here twice", problem_mark=key.start_mark)
            made[name] = _build(value)
        return made
    if isinstance(node, yaml.SequenceNode):
        return [_build(each) for each in node.value]
    return _scalar(node)


def _scalar(node: yaml.Node) -> Any:
    kind = node.tag.removeprefix("tag:yaml.org,2002:")
    if kind not in ("str", "int", "float", "bool", "null"):
        raise yaml.MarkedYAMLError(problem=f"values of the type {node.tag} are not used", problem_mark=node.start_mark)
    text = str(node.value)
    if kind == "str":
        if "\0" in text or (not text.isascii() and any("\ud800" <= each <= "\udfff" for each in text)):
            raise yaml.MarkedYAMLError(problem="a text holds a character that is none", problem_mark=node.start_mark)
        return text
    if kind in ("bool", "null"):
        return text == "true" if kind == "bool" else None
    try:
        return int(text) if kind == "int" else float(text)
    except ValueError:
        raise yaml.MarkedYAMLError(problem=f"this is no {kind}", problem_mark=node.start_mark) from None


def line_of(node: yaml.Node, place: Place) -> int:
    """Return the line of the innermost part of a place that is there."""
    line = node.start_mark.line
    for step in place:
        found = _child(node, step)
        if found is None:
            break
        node, line = found
    return line + 1


def _child(node: yaml.Node, step: str | int) -> tuple[yaml.Node, int] | None:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if key.value == step:
                return value, key.start_mark.line
    elif isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
        return node.value[step], node.value[step].start_mark.line
    return None
