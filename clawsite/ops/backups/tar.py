"""Tar archives as far as backups need them: plain files and directories, written and read as streams.

The reader knows less than tar on purpose: no links, devices, sparse files or foreign headers. It is fed bytes and hands
on what it has understood, so its memory is bounded whatever the archive says.
"""

from __future__ import annotations

import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from clawsite.ops.backups.errors import BackupFailed, BadArchive

BLOCK = 512
CHUNK = 256 * 1024
MAX_PAX_BYTES = 8 * 1024
END = bytes(2 * BLOCK)
_FILE, _OLD_FILE, _DIRECTORY, _PAX = b"0", b"\0", b"5", b"x"
# The records of a pax header that matter to us; times are of no interest. The last one says that a name is not UTF-8.
_KNOWN = frozenset({"path", "size", "mtime", "hdrcharset"})


@dataclass(frozen=True, kw_only=True, slots=True)
class Member:
    """One entry: a file with its size, or a directory."""

    name: str
    size: int = 0
    mode: int = 0o600
    is_directory: bool = False


class Source(Protocol):
    """What a member's bytes are read from."""

    def read(self, size: int = -1, /) -> bytes:
        """Return up to so many bytes, none at the end."""


class Sink(Protocol):
    """What the reader hands on: the beginning of a member, its bytes, its end."""

    def begin(self, member: Member) -> None:
        """Take a new member; raise to refuse it."""

    def data(self, data: memoryview) -> None:
        """Take the next bytes of the file."""

    def end(self) -> None:
        """Know that the member is whole."""


def write_member(member: Member, source: Source | None = None) -> Iterator[bytes]:
    """Yield a member's header and exactly as many bytes as it says; BackupFailed when the source has fewer."""
    info = tarfile.TarInfo(member.name)
    info.size, info.mode = member.size, member.mode
    info.type = tarfile.DIRTYPE if member.is_directory else tarfile.REGTYPE
    yield info.tobuf(format=tarfile.PAX_FORMAT, encoding="utf-8", errors="surrogateescape")
    left = member.size
    while left and source is not None:
        data = source.read(min(CHUNK, left))
        if not data:
            raise BackupFailed(f"{member.name} became shorter while it was read.", retryable=True)
        left -= len(data)
        yield data
    yield bytes(-member.size % BLOCK)


class TarReader:
    """Takes the bytes of an archive and tells a sink what is in it. Everything unexpected is a BadArchive."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._held = bytearray()
        self._left = 0
        self._padding = 0
        self._pax: bytearray | None = None
        self._told: dict[str, str] = {}
        self._ended = False

    def write(self, data: bytes) -> int:
        """Take the next bytes."""
        view = memoryview(data)
        while view:
            if self._left:
                view = self._take_data(view)
            elif self._padding:
                count = min(self._padding, len(view))
                self._padding -= count
                view = view[count:]
            else:
                view = self._take_header(view)
        return len(data)

    def finish(self) -> None:
        """Check that the archive did not end in the middle."""
        if not self._ended or self._left or self._padding:
            raise BadArchive("The archive ends too early: it is not whole.")

    def _take_data(self, view: memoryview) -> memoryview:
        taken = view[: self._left]
        self._left -= len(taken)
        if self._pax is not None:
            self._pax += taken
        else:
            self._sink.data(taken)
        if not self._left:
            self._end_member()
        return view[len(taken) :]

    def _take_header(self, view: memoryview) -> memoryview:
        room = BLOCK - len(self._held)
        self._held += view[:room]
        if len(self._held) == BLOCK:
            block = bytes(self._held)
            self._held.clear()
            self._begin_member(block)
        return view[room:]

    def _begin_member(self, block: bytes) -> None:
        if block == bytes(BLOCK):
            self._ended = True
            return
        if self._ended:
            raise BadArchive("Something follows the end of the archive.")
        _check_sum(block)
        kind, size = block[156:157], _number(block[124:136])
        if kind == _PAX and size <= MAX_PAX_BYTES and not self._told:
            self._pax = bytearray()
        elif kind in (_FILE, _OLD_FILE, _DIRECTORY):
            size = self._open(block, size, is_directory=kind == _DIRECTORY)
        else:
            raise BadArchive("The archive holds something other than files and directories.")
        self._left, self._padding = size, -size % BLOCK
        if not size:
            self._end_member()

    def _open(self, block: bytes, size: int, *, is_directory: bool) -> int:
        told, self._told = self._told, {}
        size = _decimal(told["size"]) if "size" in told else size
        if is_directory and size:
            raise BadArchive("A directory in the archive has a size.")
        name = told.get("path") or _text(block[345:500], block[:100])
        mode = _number(block[100:108])
        self._sink.begin(Member(name=name.rstrip("/"), size=size, mode=mode, is_directory=is_directory))
        return size

    def _end_member(self) -> None:
        if self._pax is None:
            self._sink.end()
            return
        self._told = _read_pax(bytes(self._pax))
        self._pax = None


def _check_sum(block: bytes) -> None:
    told = _number(block[148:156])
    if told != sum(block[:148]) + 8 * ord(" ") + sum(block[156:]):
        raise BadArchive("A header of the archive is damaged.")


def _number(field: bytes) -> int:
    digits = field.strip(b" \0")
    if not all(0x30 <= digit <= 0x37 for digit in digits):
        raise BadArchive("A header of the archive holds no number where one belongs.")
    return int(digits or b"0", 8)


def _decimal(text: str) -> int:
    if not text.isdecimal() or len(text) > 15:
        raise BadArchive("A header of the archive holds no number where one belongs.")
    return int(text)


def _text(prefix: bytes, name: bytes) -> str:
    parts = [part.split(b"\0", 1)[0] for part in (prefix, name)]
    return b"/".join(part for part in parts if part).decode("utf-8", "surrogateescape")


def _read_pax(data: bytes) -> dict[str, str]:
    """Return the records of a pax header: `LENGTH NAME=VALUE`, each with a line break that counts too."""
    found: dict[str, str] = {}
    while data:
        length, _, _ = data.partition(b" ")
        size = _decimal(length.decode("ascii", "replace"))
        record = data[len(length) + 1 : size]
        name, equals, value = record.partition(b"=")
        if size <= len(length) or size > len(data) or not equals or not value.endswith(b"\n"):
            raise BadArchive("A header of the archive is damaged.")
        if (key := name.decode("utf-8", "replace")) not in _KNOWN:
            raise BadArchive("A header of the archive holds what no backup of ours does.")
        found[key] = value[:-1].decode("utf-8", "surrogateescape")
        data = data[size:]
    return found
