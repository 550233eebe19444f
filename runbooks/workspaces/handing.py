"""Handing files of a project to a chat: copies under CLAW_HOME/media/files, for as long as they may be asked for again.

A folder is handed out as a zip, without links and without files that may hold keys.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import zipfile
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from django.conf import settings

from clawsite.core.errors import BadInput, NotAllowed, NotFound
from clawsite.core.oldfiles import remove_old
from guardrails.paths import open_beneath, safe_name
from runbooks.workspaces.files import Entry, check_path, is_secret, list_tree

FOLDER = "files"
KEPT_DAYS = 4
MOST_BYTES = 50 * 1024**2
MOST_FILES = 20_000
DEPTH = 32


@dataclass(frozen=True, kw_only=True, slots=True)
class Handed:
    """A file to send. `path` is relative to CLAW_HOME, `name` what the receiver sees."""

    path: str
    name: str
    size: int


def hand_out(tree: Path, path: str, *, key: str) -> Handed:
    """Copy a file, or a folder as a zip, to where it is sent from. BadInput when it is too large."""
    target = settings.MEDIA_ROOT / FOLDER / safe_name(key)
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = target.with_name(f".{target.name}.{os.getpid()}.part")
    whole = not path.strip(" ./")
    plain = "" if whole else check_path(path, reading=True)
    try:
        name = _copy_file(tree, plain, draft) if not whole and _is_file(tree, plain) else _zip(tree, plain, draft)
        draft.replace(target)
    finally:
        draft.unlink(missing_ok=True)
    return Handed(path=str(target.relative_to(settings.CLAW_HOME)), name=name, size=target.stat().st_size)


def _is_file(tree: Path, path: str) -> bool:
    """Whether it is a file, as the listing of its folder says, which follows no link."""
    parent = str(PurePosixPath(path).parent)
    found = {entry.path: entry.kind for entry in list_tree(tree, parent, depth=1, limit=MOST_FILES).entries}
    if path not in found:
        raise NotFound(f"There is no {path[:100]!r}.")
    if found[path] not in ("file", "folder"):
        raise NotAllowed("Links are not followed.")
    return found[path] == "file"


def _copy_file(tree: Path, path: str, draft: Path) -> str:
    with open_beneath(tree, path) as source, _create(draft) as out:
        _check_size(os.fstat(source.fileno()).st_size)
        shutil.copyfileobj(source, out)
    return PurePosixPath(path).name


def _zip(tree: Path, path: str, draft: Path) -> str:
    listing = list_tree(tree, path, depth=DEPTH, limit=MOST_FILES)
    if listing.more:
        raise BadInput(f"A folder of more than {MOST_FILES} files is not sent.")
    files = [each for each in listing.entries if each.kind == "file"]
    _check_size(sum(each.size for each in listing.entries))
    with _create(draft) as out, zipfile.ZipFile(out, "w") as archive:
        for each in files:
            if not any(is_secret(part) for part in each.path.split("/")):
                _add(tree, each, archive)
    return f"{PurePosixPath(path).name or 'project'}.zip"


def _add(tree: Path, file: Entry, archive: zipfile.ZipFile) -> None:
    entry = zipfile.ZipInfo(file.shown)
    entry.compress_type = zipfile.ZIP_DEFLATED
    gone = contextlib.suppress(FileNotFoundError, NotAllowed)
    with gone, open_beneath(tree, file.path) as source, archive.open(entry, "w") as member:
        shutil.copyfileobj(source, member)


def _check_size(size: int) -> None:
    if size > MOST_BYTES:
        raise BadInput(f"It is larger than what can be sent ({MOST_BYTES // 1024**2} MB).")


def _create(draft: Path) -> BinaryIO:
    return os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600), "wb")


def clean_handed() -> int:
    """Remove copies that are older than they are kept; return how many."""
    return remove_old((settings.MEDIA_ROOT / FOLDER).glob("*"), days=KEPT_DAYS)
