"""What of CLAW_HOME belongs into a backup: a fixed list of folders and keys, walked without following links.

One of the folders itself may be a link to another disk: that is where its files are.

Files may change meanwhile. Git stores objects before what refers to them, so references are read before objects, and
packs last: a loose object that is gone by then is in a pack. What was replaced while a folder was read is read again.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from clawsite.ops.backups.errors import BackupFailed
from clawsite.ops.backups.tar import Member

# run, logs, static, steps and the backups themselves are made anew; backup.key must never be in a backup.
FOLDERS = ("config", "media", "skills", "tokens", "workspaces")
KEYS = ("encryption.key", "secret.key")
FILES = "files"
MAX_DEPTH = 30
ROUNDS = 3
_MODE = 0o755
# A file that we may not read, or that is something else by now.
_NOT_OURS = frozenset({errno.EACCES, errno.EPERM, errno.ELOOP, errno.ENXIO})


@dataclass(kw_only=True, slots=True)
class Walk:
    """One walk, and what it found besides files: links, and names that are left out."""

    home: Path
    links: dict[str, str] = field(default_factory=dict)
    left_out: list[str] = field(default_factory=list)

    def members(self) -> Iterator[tuple[Member, BinaryIO | None]]:
        """Yield each directory and each file, open for reading; a file is closed when the next one is asked for.

        BackupFailed for a folder that is a link to what is not there: a disk that is away must not look empty.
        """
        for name in FOLDERS:
            path = self.home / name
            if path.is_dir():
                yield from self._folder(name, depth=0)
            elif path.is_symlink():
                raise BackupFailed(
                    f"{path} leads to {os.readlink(path)}, where no folder is: what it holds is missing."
                )

    def _folder(self, relative: str, *, depth: int) -> Iterator[tuple[Member, BinaryIO | None]]:
        path = self.home / relative
        mode = path.stat().st_mode & _MODE | 0o700
        yield Member(name=f"{FILES}/{relative}", mode=mode, is_directory=True), None
        seen: set[str] = set()
        for _ in range(ROUNDS):
            names = [name for name in _names(path) if name not in seen]
            seen.update(names)
            gone = 0
            for name in names:
                try:
                    yield from self._entry(f"{relative}/{name}", depth=depth + 1)
                except FileNotFoundError:
                    gone += 1
            if not gone:
                return

    def _entry(self, relative: str, *, depth: int) -> Iterator[tuple[Member, BinaryIO | None]]:
        path = self.home / relative
        mode = path.lstat().st_mode
        if depth > MAX_DEPTH or not (stat.S_ISDIR(mode) or stat.S_ISREG(mode) or stat.S_ISLNK(mode)):
            self.left_out.append(relative)
        elif stat.S_ISLNK(mode):
            self._link(relative, os.readlink(path))
        elif stat.S_ISDIR(mode):
            yield from self._folder(relative, depth=depth)
        else:
            try:
                opened = _open(path)
            except OSError as error:
                if error.errno not in _NOT_OURS:
                    raise
                self.left_out.append(relative)
                return
            with opened as file:
                size = os.fstat(file.fileno()).st_size
                yield Member(name=f"{FILES}/{relative}", size=size, mode=mode & _MODE | 0o600), file

    def _link(self, relative: str, target: str) -> None:
        """Note a link; the document that links travel in holds no names that are not text."""
        if is_text(relative) and is_text(target):
            self.links[relative] = target
        else:
            self.left_out.append(relative)


def is_text(name: str) -> bool:
    """Tell whether a name is text: on a disk it may be any bytes, which stand in it as surrogates."""
    return name.isascii() or not any("\ud800" <= character <= "\udfff" for character in name)


def show_name(name: str) -> str:
    """Return a name as text that every database can keep."""
    return os.fsencode(name).decode("utf-8", "replace")


def _names(path: Path) -> list[str]:
    """Return the names in a folder, in the order in which they are safe to read."""
    return sorted(os.listdir(path), key=lambda name: ({"objects": 1, "pack": 2}.get(name, 0), name))


def _open(path: Path) -> BinaryIO:
    return os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK), "rb")
