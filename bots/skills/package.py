"""Reading a skill's folder, which may have been made to do harm. Nothing in it is run.

Only plain files are taken: no links, devices or pipes, nothing with two names, at most so many of so many bytes.
Left behind is what begins with a dot and compiled Python, which nobody could read before it ran.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from bots.skills.problems import Problems, shown
from clawsite.core.errors import BadInput, NotAllowed
from guardrails.paths import open_beneath, safe_name

FILES_MAX = 200
ENTRIES_MAX = 1000
DEPTH_MAX = 6
FILE_BYTES = 1024 * 1024
TOTAL_BYTES = 8 * 1024 * 1024
PATH_CHARS = 200
_COMPILED = (".pyc", ".pyo", ".so", ".pyd")

Files = Mapping[str, bytes]


@dataclass(frozen=True, kw_only=True, slots=True)
class _Entry:
    path: str
    status: os.stat_result
    left_out: bool


def read_package(root: Path, *, strict: bool = False) -> Files:
    """Return the content of every file by its path, sorted. Raises BadInput that names what cannot be taken.

    strict: what an installation would leave behind is an error; so are installed files compared with their digest.
    """
    if not root.is_dir():
        raise BadInput(f"{shown(str(root), 200)} is no folder. Give the folder that holds SKILL.md, unpacked.")
    problems = Problems()
    wanted = [entry for entry in _walk(root) if _is_wanted(entry, problems, strict=strict)]
    _check_whole(wanted, problems)
    problems.check()
    return dict(sorted(_read_all(root, wanted)))


def digest_of(files: Files) -> str:
    """Return the SHA-256 over names and contents: equal only for equal folders."""
    whole = hashlib.sha256()
    for path, content in sorted(files.items()):
        name = path.encode()
        whole.update(b"%d:%s%d:" % (len(name), name, len(content)))
        whole.update(content)
    return whole.hexdigest()


def fingerprint_of(root: Path) -> str:
    """Return what changes whenever a file is written: names, sizes, times. Cheap: it reads no content."""
    parts = (
        f"{entry.path}:{entry.status.st_mode}:{entry.status.st_size}:{entry.status.st_mtime_ns}:"
        f"{entry.status.st_ctime_ns}:{entry.status.st_ino}"
        for entry in _walk(root)
    )
    return hashlib.sha256("\n".join(sorted(parts)).encode("utf-8", "surrogateescape")).hexdigest()


def _walk(root: Path, parent: str = "", depth: int = 1) -> Iterator[_Entry]:
    """Yield what is in a folder and, unless left out, in those below it; links are told and never followed."""
    if depth > DEPTH_MAX:
        raise BadInput(f"Folders lie more than {DEPTH_MAX} deep in this skill.")
    with os.scandir(root / parent) as found:
        for number, entry in enumerate(found):
            if number >= ENTRIES_MAX:
                raise BadInput(f"There are more than {ENTRIES_MAX} entries in one folder of this skill.")
            left_out = entry.name.startswith(".") or entry.name == "__pycache__" or entry.name.endswith(_COMPILED)
            path = f"{parent}{entry.name}"
            status = entry.stat(follow_symlinks=False)
            if stat.S_ISDIR(status.st_mode) and not left_out:
                yield from _walk(root, f"{path}/", depth + 1)
            else:
                yield _Entry(path=path, status=status, left_out=left_out)


def _is_wanted(entry: _Entry, problems: Problems, *, strict: bool) -> bool:
    if entry.left_out:
        if strict:
            problems.error("is nothing that was installed", file=shown(entry.path))
        return False
    wrong = _find_wrong(entry)
    if wrong:
        problems.error(wrong, file=shown(entry.path))
    return not wrong


def _find_wrong(entry: _Entry) -> str:
    mode, size = entry.status.st_mode, entry.status.st_size
    if stat.S_ISLNK(mode):
        return "is a link; only files are installed"
    if not stat.S_ISREG(mode):
        return "is a device, pipe or socket; only files are installed"
    if entry.status.st_nlink != 1:
        return "has a second name somewhere else; copy the folder first"
    if size > FILE_BYTES:
        return f"is {size} bytes large; at most {FILE_BYTES} are installed"
    name = entry.path.rpartition("/")[2]
    if len(entry.path) > PATH_CHARS or any(safe_name(part) != part for part in entry.path.split("/")):
        return f"{shown(name)!r} is no name for a file here; use letters, digits, dots and dashes"
    return ""


def _check_whole(entries: list[_Entry], problems: Problems) -> None:
    if len(entries) > FILES_MAX:
        problems.error(f"There are {len(entries)} files; at most {FILES_MAX} are installed")
    total = sum(entry.status.st_size for entry in entries)
    if total > TOTAL_BYTES:
        problems.error(f"The files are {total} bytes together; at most {TOTAL_BYTES} are installed")
    known: dict[str, str] = {}
    for entry in entries:
        other = known.setdefault(entry.path.casefold(), entry.path)
        if other != entry.path:
            problems.error(f"differs from {shown(other)} only in capital letters", file=shown(entry.path))


def _read_all(root: Path, entries: list[_Entry]) -> Iterator[tuple[str, bytes]]:
    """Read again with every check, because the folder may change meanwhile."""
    for entry in entries:
        try:
            with open_beneath(root, entry.path) as file:
                content = file.read(FILE_BYTES + 1)
        except (OSError, NotAllowed):
            raise BadInput(f"{shown(entry.path)} changed or cannot be read.") from None
        if len(content) > FILE_BYTES:
            raise BadInput(f"{shown(entry.path)} grew while it was read.")
        yield entry.path, content
