"""Files below a directory, and file names from outside.

Every part of a path is opened relative to the one before it without following links, so nothing that is renamed or
linked meanwhile leads out of the root. Only regular files with one name are opened: a second hard link may belong to
somebody else.
"""

from __future__ import annotations

import os
import re
import stat
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Literal

from clawsite.core.errors import BadInput, NotAllowed

NAME_BYTES = 200
MAX_DEPTH = 32
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FLAGS = {
    "rb": os.O_RDONLY,
    "wb": os.O_WRONLY | os.O_CREAT,
    "xb": os.O_WRONLY | os.O_CREAT | os.O_EXCL,
    "ab": os.O_WRONLY | os.O_CREAT | os.O_APPEND,
}
_UNSAFE = re.compile(
    "[\x00-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ud800-\udfff"
    '<>:"|?*]'
)
_SPACES = re.compile(r"\s+")


def safe_name(name: str, *, default: str = "file") -> str:
    """Return a file name that is safe to store and to show: the last part of the path, composed, without controls,
    marks of direction, leading dots or dashes, in at most NAME_BYTES bytes with its ending kept."""
    last = re.split(r"[/\\]", name)[-1]
    clean = _UNSAFE.sub("", unicodedata.normalize("NFC", last))
    clean = _SPACES.sub(" ", clean).lstrip(".- ").rstrip(". ")
    return _shorten(clean) or default


def _shorten(name: str) -> str:
    if len(name.encode()) <= NAME_BYTES:
        return name
    stem, dot, ending = name.rpartition(".")
    if not stem or len(ending.encode()) > 16:
        stem, dot, ending = name, "", ""
    room = NAME_BYTES - len((dot + ending).encode())
    return stem.encode()[:room].decode(errors="ignore").rstrip(". ") + dot + ending


def check_relative(relative: str) -> tuple[str, ...]:
    """Return the parts of a relative path; raise BadInput for one that is absolute, climbs, or is not a plain path."""
    parts = relative.split("/")
    bad = not relative or "\x00" in relative or len(parts) > MAX_DEPTH
    if bad or any(part in ("", ".", "..") or len(os.fsencode(part)) > 255 for part in parts):
        raise BadInput("The path must be relative, without empty parts, '.' or '..'.")
    return tuple(parts)


@contextmanager
def open_directory(root: Path, parts: tuple[str, ...], *, create: bool = False) -> Iterator[int]:
    """Yield a descriptor of a directory below root. Raises NotAllowed where a part is a link or no directory."""
    descriptor = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for part in parts:
            if create:
                _make(part, descriptor)
            inner = os.open(part, _DIRECTORY, dir_fd=descriptor)
            os.close(descriptor)
            descriptor = inner
        yield descriptor
    finally:
        os.close(descriptor)


def _make(part: str, descriptor: int) -> None:
    try:
        os.mkdir(part, 0o700, dir_fd=descriptor)
    except FileExistsError:
        return


def open_beneath(
    root: Path, relative: str, *, mode: Literal["rb", "wb", "xb", "ab"] = "rb", create_parents: bool = False
) -> BinaryIO:
    """Open a regular file below root, following no link on the way.

    Raises BadInput for a path that is none, FileNotFoundError and FileExistsError as `open` does, and NotAllowed for
    links, devices, pipes, directories and files with several names. New files are readable by their owner only.
    """
    *parents, name = check_relative(relative)
    try:
        with open_directory(root, tuple(parents), create=create_parents) as directory:
            flags = _FLAGS[mode] | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY
            descriptor = os.open(name, flags, 0o600, dir_fd=directory)
    except (FileNotFoundError, FileExistsError):
        raise
    except OSError as error:
        raise NotAllowed("This path does not lead to a plain file here.") from error
    return _as_file(descriptor, mode)


def _as_file(descriptor: int, mode: str) -> BinaryIO:
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode) or status.st_nlink != 1:
            raise NotAllowed("This path does not lead to a plain file here.")
        os.set_blocking(descriptor, True)
        if mode == "wb":
            os.ftruncate(descriptor, 0)
        return os.fdopen(descriptor, "rb" if mode == "rb" else "wb")
    except BaseException:
        os.close(descriptor)
        raise
