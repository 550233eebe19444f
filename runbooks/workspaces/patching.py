"""Applying a unified diff to the files of a project: all of it, or nothing.

Where a hunk belongs is found by its lines, near where its header says; the counts in headers are not believed, as
models miscount. A hunk that fits nowhere, or in two places equally well, is an error that names it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from clawsite.core.errors import BadInput, ClawError, NotFound
from runbooks.workspaces.files import WRITE_BYTES, check_path, delete_file, read_file, write_file

PATCH_BYTES = 2 * 1024**2
_HUNK = re.compile(r"@@ -(\d+)(?:,\d+)? \+\d+(?:,\d+)? @@.*")
_UNSUPPORTED = ("rename from ", "copy from ", "GIT binary patch", "Binary files ")


@dataclass(kw_only=True, slots=True)
class _Hunk:
    start: int
    old: list[str] = field(default_factory=list)
    new: list[str] = field(default_factory=list)
    # Whether "\ No newline at end of file" stands behind the old or the new last line.
    bare_old: bool = False
    bare_new: bool = False


@dataclass(kw_only=True, slots=True)
class _Change:
    old: str
    new: str
    hunks: list[_Hunk] = field(default_factory=list)

    @property
    def path(self) -> str:
        return self.new or self.old


def apply_patch(tree: Path, unified_diff: str) -> tuple[str, ...]:
    """Apply a diff and return the paths that changed. BadInput says what does not fit, and nothing is changed then."""
    if len(unified_diff.encode()) > PATCH_BYTES:
        raise BadInput("The patch is too large.")
    changes = _parse(unified_diff)
    if len({change.path for change in changes}) < len(changes):
        raise BadInput("The patch names a file twice.")
    before = {change.path: _read(tree, change) for change in changes}
    after = {change.path: _apply(change, before[change.path]) for change in changes}
    _write_all(tree, before, after)
    return tuple(after)


def _parse(text: str) -> list[_Change]:
    lines = text.replace("\r\n", "\n").split("\n")
    changes: list[_Change] = []
    number = 0
    while number < len(lines):
        line = lines[number]
        if line.startswith(_UNSUPPORTED):
            raise BadInput("A patch can change, add and remove text files, nothing else.")
        if line.startswith("--- ") and number + 1 < len(lines) and lines[number + 1].startswith("+++ "):
            changes.append(_Change(old=_name(line[4:]), new=_name(lines[number + 1][4:])))
            number += 2
            continue
        header = _HUNK.fullmatch(line)
        if header is not None and changes:
            number = _parse_hunk(lines, number + 1, changes[-1], int(header[1]))
            continue
        number += 1
    if not changes or any(not change.hunks and change.new and change.old for change in changes):
        raise BadInput("This is no unified diff: it needs lines with ---, +++ and @@ -1,2 +1,2 @@.")
    return changes


def _name(text: str) -> str:
    name = text.split("\t", maxsplit=1)[0].strip()
    if name == "/dev/null":
        return ""
    return check_path(name[2:] if name[:2] in ("a/", "b/") else name)


def _parse_hunk(lines: Sequence[str], number: int, change: _Change, start: int) -> int:
    hunk = _Hunk(start=start)
    while number < len(lines) and not _is_head(lines, number):
        line = lines[number]
        mark, rest = line[:1], line[1:]
        if mark == "\\":
            last = lines[number - 1][:1]
            hunk.bare_old = hunk.bare_old or last in "- "
            hunk.bare_new = hunk.bare_new or last in "+ "
        elif mark not in (" ", "+", "-", ""):
            raise BadInput(f"Line {number + 1} of the patch begins with neither a space, + nor -.")
        elif mark or number + 1 < len(lines):
            hunk.old += [rest] if mark != "+" else []
            hunk.new += [rest] if mark != "-" else []
        number += 1
    change.hunks.append(hunk)
    return number


def _is_head(lines: Sequence[str], number: int) -> bool:
    line = lines[number]
    if line.startswith("--- "):
        return number + 1 < len(lines) and lines[number + 1].startswith("+++ ")
    return line.startswith(("diff --git ", "Index: ", *_UNSUPPORTED)) or _HUNK.fullmatch(line) is not None


def _read(tree: Path, change: _Change) -> str | None:
    """Return the text of a file before, None when there is none."""
    try:
        part = read_file(tree, change.path, limit=WRITE_BYTES)
    except NotFound:
        if change.old:
            raise BadInput(f"The patch changes {change.path}, which is not there.") from None
        return None
    if not change.old:
        raise BadInput(f"The patch adds {change.path}, which is there already.")
    if change.new and change.old != change.new:
        raise BadInput("A patch cannot rename files.")
    try:
        return part.data.decode()
    except UnicodeDecodeError:
        raise BadInput(f"{change.path} is no text file.") from None


def _apply(change: _Change, before: str | None) -> str | None:
    """Return the text after, None for a file that goes."""
    text = before or ""
    crlf = "\r\n" in text and text.count("\n") == text.count("\r\n")
    lines = (text.replace("\r\n", "\n") if crlf else text).split("\n")
    ends = lines.pop() == ""  # whether the last line is a whole one
    if not ends:
        lines = (text.replace("\r\n", "\n") if crlf else text).split("\n")
    shift, least = 0, 0
    for number, hunk in enumerate(change.hunks, start=1):
        place = _find(lines, hunk, hunk.start - 1 + shift, least)
        if place is None:
            raise BadInput(_misfit(change.path, number, lines, hunk))
        lines[place : place + len(hunk.old)] = hunk.new
        shift = place - (hunk.start - 1) + len(hunk.new) - len(hunk.old)
        least = place + len(hunk.new)
        ends = not hunk.bare_new if least == len(lines) and (hunk.bare_old or hunk.bare_new) else ends or before is None
    if not change.new:
        if lines and before is not None:
            raise BadInput(f"The patch removes {change.path}, but not all of its lines.")
        return None
    after = "\n".join(lines) + ("\n" if ends and lines else "")
    return after.replace("\n", "\r\n") if crlf else after


def _find(lines: list[str], hunk: _Hunk, wanted: int, least: int) -> int | None:
    """Return where the old lines of a hunk stand, nearest to where they should; None if nowhere, or in doubt."""
    count = len(hunk.old)
    if not count:
        return min(max(wanted + 1, least), len(lines)) if lines else 0
    places = [at for at in range(least, len(lines) - count + 1) if lines[at : at + count] == hunk.old]
    if wanted in places or not places:
        return wanted if places else None
    near = sorted(places, key=lambda at: abs(at - wanted))
    if len(near) > 1 and abs(near[0] - wanted) == abs(near[1] - wanted):
        return None
    return near[0]


def _misfit(path: str, number: int, lines: Sequence[str], hunk: _Hunk) -> str:
    missing = next((line for line in hunk.old if line not in lines), None)
    if missing is None:
        return f"Hunk {number} of {path} does not fit: its lines do not stand together there, or stand in two places."
    return f"Hunk {number} of {path} does not fit: there is no line {missing[:120]!r}."


def _write_all(tree: Path, before: dict[str, str | None], after: dict[str, str | None]) -> None:
    """Write what changed; where that fails, put back what was written."""
    done: list[str] = []
    try:
        for path, text in after.items():
            _put(tree, path, text)
            done.append(path)
    except (ClawError, OSError):
        for path in reversed(done):
            with suppress(ClawError, OSError):
                _put(tree, path, before[path])
        raise


def _put(tree: Path, path: str, text: str | None) -> None:
    if text is None:
        delete_file(tree, path)
    else:
        write_file(tree, path, text.encode())
