"""The files of a project, as people and agents see them: listed, read, written and removed, and nothing outside.

No link is followed, nothing of git's is touched in any spelling of its name, and files that hold keys are not read out.
A file is written beside its place and renamed to it, so nobody sees half of one.
"""

from __future__ import annotations

import errno
import os
import re
import secrets
import stat
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from clawsite.core.errors import BadInput, NotAllowed, NotFound
from guardrails.paths import check_relative, open_beneath, open_directory

READ_BYTES = 1024**2
WRITE_BYTES = 20 * 1024**2
# What file systems leave out of a name, so that another spelling is the same file.
_IGNORED = re.compile("[\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff]")
_GIT = re.compile(r"\.git|git~\d+|\.git(::\$.*|:.*)")
_SECRET = re.compile(
    r"\.env(?!\.(example|sample|template)$)(\..*)?|.+\.(pem|key|p12|pfx)|\.ssh|id_(rsa|dsa|ecdsa|ed25519)(_sk)?(\.pub)?"
)
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC

Kind = Literal["file", "folder", "link", "other"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """One name in a listing. `path` is relative to the tree."""

    path: str
    kind: Kind
    size: int = 0

    @property
    def shown(self) -> str:
        """The path as text, for a name may be any bytes: what is no text stands as %E9, what is not seen as a mark."""
        return "".join(map(_visible, self.path))


@dataclass(frozen=True, kw_only=True, slots=True)
class Listing:
    """What was found, in order; `more` says that the limit was reached before the end."""

    entries: tuple[Entry, ...]
    more: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Part:
    """What was read of a file, and how long it is in all."""

    data: bytes
    offset: int
    size: int


def _visible(char: str) -> str:
    if "\udc80" <= char <= "\udcff":  # how Python writes a byte that is no text
        return f"%{ord(char) - 0xDC00:02X}"
    return char if char.isprintable() else "\ufffd"


def check_path(path: str, *, reading: bool = False) -> str:
    """Return a relative path in its plain spelling. BadInput for one that leads out, NotAllowed for what is git's or,
    when it is for reading, may hold a key."""
    plain = path.strip().removeprefix("./").rstrip("/")
    parts = check_relative(plain)
    if any(unicodedata.category(char) == "Cc" for char in plain):
        raise BadInput("A name holds no line breaks and no other control characters.")
    if any(is_git(part) for part in parts):
        raise NotAllowed("Git's own files are not touched.")
    if reading and any(is_secret(part) for part in parts):
        raise NotAllowed("Files that hold keys or passwords are not read out.")
    return "/".join(parts)


def is_git(name: str) -> bool:
    """Whether a name is, on any file system, the one of git's directory."""
    folded = unicodedata.normalize("NFKC", _IGNORED.sub("", name)).casefold().rstrip(". ")
    return _GIT.fullmatch(folded) is not None


def is_secret(name: str) -> bool:
    """Whether a file or folder of this name may hold keys."""
    return _SECRET.fullmatch(name.casefold()) is not None


def list_tree(tree: Path, sub: str = "", *, depth: int = 3, limit: int = 200) -> Listing:
    """Return what lies below a folder, folders before what is in them; NotFound when there is no such folder."""
    prefix = check_path(sub) if sub.strip(" ./") else ""
    found: list[Entry] = []
    with _directory(tree, prefix) as directory:
        for entry in _walk(directory, prefix, depth):
            if len(found) == limit:
                return Listing(entries=tuple(found), more=True)
            found.append(entry)
    return Listing(entries=tuple(found))


@contextmanager
def _directory(tree: Path, sub: str) -> Iterator[int]:
    try:
        with open_directory(tree, tuple(sub.split("/")) if sub else ()) as directory:
            yield directory
    except (FileNotFoundError, NotADirectoryError):
        raise NotFound(f"There is no folder {sub[:100]!r}.") from None


def _walk(directory: int, prefix: str, depth: int) -> Iterator[Entry]:
    for name in sorted(os.listdir(directory)):
        if is_git(name):
            continue
        try:
            status = os.stat(name, dir_fd=directory, follow_symlinks=False)
        except FileNotFoundError:
            continue
        path = f"{prefix}/{name}" if prefix else name
        kind = _kind(status.st_mode)
        yield Entry(path=path, kind=kind, size=status.st_size if kind == "file" else 0)
        if kind == "folder" and depth > 1:
            yield from _below(directory, name, path, depth - 1)


def _below(directory: int, name: str, path: str, depth: int) -> Iterator[Entry]:
    try:
        inner = os.open(name, _DIRECTORY, dir_fd=directory)
    except OSError:  # it went away, or became something else
        return
    try:
        yield from _walk(inner, path, depth)
    finally:
        os.close(inner)


def _kind(mode: int) -> Kind:
    kinds: dict[int, Kind] = {stat.S_IFREG: "file", stat.S_IFDIR: "folder", stat.S_IFLNK: "link"}
    return kinds.get(stat.S_IFMT(mode), "other")


def read_file(tree: Path, path: str, *, offset: int = 0, limit: int = READ_BYTES) -> Part:
    """Return a part of a file, from an offset in bytes. NotFound when there is none, NotAllowed for links and keys."""
    plain = check_path(path, reading=True)
    try:
        with open_beneath(tree, plain) as file:
            size = os.fstat(file.fileno()).st_size
            file.seek(max(0, offset))
            return Part(data=file.read(max(0, min(limit, WRITE_BYTES))), offset=max(0, offset), size=size)
    except FileNotFoundError:
        raise NotFound(f"There is no file {plain[:100]!r}.") from None


def write_file(tree: Path, path: str, data: bytes, *, overwrite: bool = True, keep_mode: bool = True) -> None:
    """Write a file as a whole; missing folders are made.

    BadInput when it is too large or, unless `overwrite`, there already; NotAllowed where the path leads over a link or
    to what is no plain file. One that replaces a program is a program too, unless `keep_mode` is False.
    """
    plain = check_path(path)
    if len(data) > WRITE_BYTES:
        raise BadInput(f"A file may have {WRITE_BYTES // 1024**2} MB at most.")
    *parents, name = plain.split("/")
    try:
        with open_directory(tree, tuple(parents), create=True) as directory:
            mode = _mode_of(directory, name, plain, overwrite=overwrite)
            _write(directory, name, data, mode if keep_mode else 0o644, overwrite=overwrite)
    except FileExistsError:
        raise BadInput(f"{plain[:100]} is there already.") from None
    except (NotADirectoryError, IsADirectoryError) as error:
        raise NotAllowed("This path does not lead to a plain file here.") from error
    except OSError as error:
        raise _plain_error(error) from error


def _plain_error(error: OSError) -> Exception:
    """A link in the way is refused; a full disk and the like are no matter of the path."""
    return NotAllowed("This path does not lead to a plain file here.") if error.errno == errno.ELOOP else error


def _mode_of(directory: int, name: str, path: str, *, overwrite: bool) -> int:
    try:
        status = os.stat(name, dir_fd=directory, follow_symlinks=False)
    except FileNotFoundError:
        return 0o644
    if not stat.S_ISREG(status.st_mode) or status.st_nlink != 1:
        raise NotAllowed("This path does not lead to a plain file here.")
    if not overwrite:
        raise FileExistsError(path)
    return 0o755 if status.st_mode & stat.S_IXUSR else 0o644


def _write(directory: int, name: str, data: bytes, mode: int, *, overwrite: bool) -> None:
    draft = f".{secrets.token_hex(8)}.draft"
    descriptor = os.open(
        draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600, dir_fd=directory
    )
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fchmod(file.fileno(), mode)
            os.fsync(file.fileno())
        if overwrite:
            os.rename(draft, name, src_dir_fd=directory, dst_dir_fd=directory)
        else:  # a link to the draft takes the name only if it is free
            os.link(draft, name, src_dir_fd=directory, dst_dir_fd=directory, follow_symlinks=False)
    finally:
        with suppress(FileNotFoundError):
            os.unlink(draft, dir_fd=directory)


def delete_file(tree: Path, path: str) -> None:
    """Remove a file, or a link itself. NotFound when there is none, NotAllowed for folders."""
    plain = check_path(path)
    *parents, name = plain.split("/")
    try:
        with open_directory(tree, tuple(parents)) as directory:
            if stat.S_ISDIR(os.stat(name, dir_fd=directory, follow_symlinks=False).st_mode):
                raise NotAllowed("Folders are not removed as a whole.")
            os.unlink(name, dir_fd=directory)
    except FileNotFoundError:
        raise NotFound(f"There is no file {plain[:100]!r}.") from None
    except OSError as error:
        raise NotAllowed("This path does not lead to a file here.") from error
