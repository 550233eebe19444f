"""Parts of a chain as files: an archive as backups are, of a description, pages or the whole database, and a seal."""

from __future__ import annotations

import io
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

import msgspec

from clawsite.ops.backups.bounds import Bounds, Count
from clawsite.ops.backups.identity import own_identity, own_recipient
from clawsite.ops.backups.ledger import SEAL, Ledger
from clawsite.ops.backups.packing import pack
from clawsite.ops.backups.tar import END, Member, write_member
from clawsite.ops.shipping.names import Kind, Part
from clawsite.ops.shipping.wal import Stretch

ABOUT = "part.json"
BODIES: dict[Kind, str] = {"seg": "database/pages", "snap": "database/clawsite.sqlite3"}
NUMBER_BYTES = 4


class About(msgspec.Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """The first member: which part this is, and the size of the database after it, in pages."""

    chain: str
    number: int
    moment: int
    kind: Kind
    page_size: int
    pages: int


def write_segment(path: Path, part: Part, stretch: Stretch, images: Iterable[tuple[int, bytes]]) -> None:
    """Write the newest image of each page of a stretch: its number, then its bytes."""
    size = len(stretch.frames) * (NUMBER_BYTES + stretch.header.page_size)
    records = (number.to_bytes(NUMBER_BYTES, "big") + image for number, image in images)
    _write(path, part, _Records(records), size=size, page_size=stretch.header.page_size, pages=stretch.pages)


def write_snapshot(path: Path, part: Part, database: Path, *, page_size: int) -> None:
    """Write a whole database, which nobody has open."""
    size = database.stat().st_size
    with database.open("rb") as file:
        _write(path, part, file, size=size, page_size=page_size, pages=size // page_size)


def _write(path: Path, part: Part, body: BinaryIO | _Records, *, size: int, page_size: int, pages: int) -> None:
    """Write a part under a draft's name; it has its own name when it is whole and on the disk."""
    about = About(
        chain=part.chain, number=part.number, moment=part.moment, kind=part.kind, page_size=page_size, pages=pages
    )
    draft = path.with_suffix(".draft")
    try:
        with draft.open("wb") as file:
            os.fchmod(file.fileno(), 0o600)
            pack(_archive(about, body, size), file, [own_recipient()])
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


def _archive(about: About, body: BinaryIO | _Records, size: int) -> Iterator[bytes]:
    ledger, count = Ledger(), Count(Bounds.of_settings())
    text = msgspec.json.encode(about)
    members = (
        (Member(name=ABOUT, size=len(text)), io.BytesIO(text)),
        (Member(name=BODIES[about.kind], size=size), body),
    )
    for member, source in members:
        count.check_written(member)
        yield from write_member(member, _Counted(source, ledger))
        ledger.end(member)
    seal = msgspec.json.encode(ledger.close(own_identity()))
    yield from write_member(Member(name=SEAL, size=len(seal)), io.BytesIO(seal))
    yield END


class _Records:
    """Pieces of bytes as a file that can be read."""

    def __init__(self, records: Iterable[bytes]) -> None:
        self._records = iter(records)
        self._held = b""

    def read(self, size: int = -1) -> bytes:
        """Return up to so many bytes, none at the end."""
        held = self._held or next(self._records, b"")
        end = len(held) if size < 0 else size
        data, self._held = held[:end], held[end:]
        return data


class _Counted(io.RawIOBase):
    """A file whose bytes go into the ledger as they are read."""

    def __init__(self, source: BinaryIO | _Records, ledger: Ledger) -> None:
        super().__init__()
        self._source = source
        self._ledger = ledger

    def read(self, size: int = -1, /) -> bytes:
        """Return up to so many bytes."""
        data = self._source.read(size)
        self._ledger.data(data)
        return data
