"""Putting what people typed into the files a command writes.

Invariant: a value adds no folder to a path and no line to a file; where it may stand, and what it may look like, was
checked when the document was read. `{name}` is replaced, `{{name}}` and all other braces stay as they are.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from clawsite.core.errors import BadInput
from runbooks.books.substitution import Value, as_text
from runbooks.workspaces.gitops.spec import Change, Line

NAME = re.compile(r"(?<!\{)\{([a-z][a-z0-9_]{0,31})\}(?!\})")
# Finds out what a file holds: None when it is not there.
Read = Callable[[str], str | None]


@dataclass(frozen=True, kw_only=True, slots=True)
class Written:
    """What a file is to hold; None removes it."""

    path: str
    text: str | None


def fill(text: str, values: Mapping[str, Value]) -> str:
    """Return a text with the values in it."""
    return NAME.sub(lambda name: as_text(values[name[1]]), text)


def fill_path(path: str, values: Mapping[str, Value]) -> str:
    """Return a path with the values in it, each within one part of it."""
    made = fill(path, values)
    if made.count("/") != path.count("/"):
        raise BadInput(f"A value in the path {path} must not hold a slash.")
    return made


def write_files(changes: Sequence[Change], values: Mapping[str, Value], *, read: Read) -> list[Written]:
    """Return every file that changes with what it will hold; later changes see what earlier ones have made."""
    made: dict[str, str | None] = {}
    for change in changes:
        path = fill_path(change.path, values)
        before = made[path] if path in made else read(path)
        made[path] = _apply(change, values, path=path, before=before)
    return [Written(path=path, text=text) for path, text in made.items()]


def _apply(change: Change, values: Mapping[str, Value], *, path: str, before: str | None) -> str | None:
    if change.write is not None:
        return fill(change.write, values)
    if change.append is not None:
        gap = "\n" if before and not before.endswith("\n") else ""
        return (before or "") + gap + fill(change.append, values)
    if before is None:
        raise BadInput(f"There is no file {path}.")
    return None if change.line is None else _replace(change.line, values, path=path, before=before)


def _replace(line: Line, values: Mapping[str, Value], *, path: str, before: str) -> str:
    starts = fill(line.starts, values)
    lines = before.splitlines(keepends=True)
    places = [number for number, each in enumerate(lines) if each.startswith(starts)]
    if len(places) != 1:
        raise BadInput(f"{len(places)} lines of {path} start with “{starts}”; there must be one.")
    ending = lines[places[0]][len(lines[places[0]].rstrip("\r\n")) :]
    lines[places[0]] = fill(line.becomes, values) + ending
    return "".join(lines)
