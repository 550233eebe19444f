"""SQLite's write-ahead log as a file: its header, its frames, and where the copying of it has come to.

The format is documented (sqlite.org/fileformat2.html, section 4). What is committed is not decided here: frames beyond
the number that SQLite itself tells may belong to a transaction that is under way.

Only the log is ever opened here. Closing the database's own file would drop the locks that SQLite holds on it for this
process.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec

from clawsite.ops.shipping.errors import Gap, Unsettled

HEADER_BYTES = 32
FRAME_BYTES = 24
_MAGIC = (0x377F0682, 0x377F0683)
_READ_BYTES = 4 * 1024 * 1024

Salt = tuple[int, int]


@dataclass(frozen=True, kw_only=True, slots=True)
class Header:
    """What the log says about itself. The salt changes whenever the log is begun anew."""

    page_size: int
    salt: Salt


class Position(msgspec.Struct, frozen=True, kw_only=True):
    """How far the log was copied: so many frames of the one with this salt; `mark` is the checksum of the last.

    No salt means that there was no log yet, or that nothing was committed in it.
    """

    salt: Salt | None = None
    frames: int = 0
    mark: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Stretch:
    """Committed frames: the last frame of each page, the size of the database after them, and where they end."""

    header: Header
    frames: dict[int, int]
    pages: int
    end: Position


class Wal:
    """The log beside a database, opened for reading; it is opened again when SQLite has made a new file."""

    def __init__(self, database: Path) -> None:
        self._path = database.with_name(f"{database.name}-wal")
        self._fd = -1

    def header(self) -> Header | None:
        """Return the header, None for a log that is not there or empty."""
        self._open()
        data = os.pread(self._fd, HEADER_BYTES, 0) if self._fd >= 0 else b""
        if len(data) < HEADER_BYTES:
            return None
        magic, _, page_size, _, *salt = struct.unpack(">6I", data[:24])
        if magic not in _MAGIC:
            raise Unsettled("The log has no header of SQLite's.")
        return Header(page_size=page_size, salt=(salt[0], salt[1]))

    def position(self, header: Header | None, frames: int) -> Position:
        """Return the position behind so many frames."""
        if header is None or not frames:
            return Position()
        return Position(salt=header.salt, frames=frames, mark=self._mark(header, frames))

    def find_start(self, position: Position, header: Header, *, held: bool) -> int:
        """Return how many frames of the log are copied already; raise Gap when some may be missing.

        While it was held the log can have been begun anew once, and only after all of it was copied: SQLite adds one
        to the first salt then. A log in which nothing was committed may get any salt.
        """
        if header.salt == position.salt:
            if self._mark(header, position.frames) == position.mark:
                return position.frames
            if self.header() != header:
                raise Unsettled("The log is being begun anew.")
            raise Gap("The log is not the one that was copied.")
        if held and (position.salt is None or header.salt[0] == (position.salt[0] + 1) & 0xFFFFFFFF):
            return 0
        raise Gap("The log was begun anew before all of it was copied.")

    def stretch(self, header: Header, first: int, last: int) -> Stretch:
        """Return the committed frames from `first` (counted from 0) up to, not including, `last`."""
        size = header.page_size + FRAME_BYTES
        at_once = max(1, _READ_BYTES // size)
        frames: dict[int, int] = {}
        pages = 0
        for begin in range(first, last, at_once):
            count = min(at_once, last - begin)
            data = os.pread(self._fd, count * size, HEADER_BYTES + begin * size)
            if len(data) < count * size:
                raise Unsettled("The log is shorter than what is committed.")
            for number in range(count):
                page, pages, *salt = struct.unpack_from(">4I", data, number * size)
                if tuple(salt) != header.salt:
                    raise Unsettled("A frame of the log belongs to another one.")
                frames[page] = begin + number
        if not pages:
            raise Unsettled("The log does not end with a commit.")
        return Stretch(header=header, frames=frames, pages=pages, end=self.position(header, last))

    def images(self, stretch: Stretch) -> Iterator[tuple[int, bytes]]:
        """Yield number and content of each page, in the order of their numbers.

        Who begins the log anew writes its header first: with the old header still there, all of it was the old log.
        """
        size = stretch.header.page_size
        for page, frame in sorted(stretch.frames.items()):
            data = os.pread(self._fd, size, HEADER_BYTES + frame * (size + FRAME_BYTES) + FRAME_BYTES)
            if len(data) < size:
                raise Gap("The log became shorter while it was copied.")
            yield page, data
        if self.header() != stretch.header:
            raise Gap("The log was begun anew while it was copied.")

    def close(self) -> None:
        """Let go of the file."""
        if self._fd >= 0:
            os.close(self._fd)
        self._fd = -1

    def _mark(self, header: Header, frames: int) -> str:
        if not frames:
            return ""
        offset = HEADER_BYTES + (frames - 1) * (header.page_size + FRAME_BYTES)
        return os.pread(self._fd, FRAME_BYTES, offset)[16:].hex()

    def _open(self) -> None:
        try:
            found = self._path.stat()
        except FileNotFoundError:
            self.close()
            return
        if self._fd >= 0:
            own = os.fstat(self._fd)
            if (own.st_dev, own.st_ino) == (found.st_dev, found.st_ino):
                return
            self.close()
        self._fd = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC)
