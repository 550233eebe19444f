"""Lays a part of a chain onto a database file. Nothing that a part says is believed before its seal was compared.

So a part that turns out to be damaged leaves no page of it behind, and may be taken from another place.
"""

from __future__ import annotations

from pathlib import Path
from tempfile import SpooledTemporaryFile
from typing import IO, BinaryIO

import msgspec

from clawsite.ops.backups.bounds import DOCUMENT_BYTES, Bounds, Count
from clawsite.ops.backups.errors import BadArchive
from clawsite.ops.backups.identity import Identity
from clawsite.ops.backups.ledger import SEAL, Ledger, Seal
from clawsite.ops.backups.stores import Readable
from clawsite.ops.backups.tar import Member
from clawsite.ops.backups.unpacking import unpack
from clawsite.ops.shipping.names import Part
from clawsite.ops.shipping.parts import ABOUT, BODIES, NUMBER_BYTES, About

_PAGE_SIZES = frozenset(2**power for power in range(9, 17))
# Pages of a segment are in memory up to here, then in a file, until the seal was compared.
_HELD_BYTES = 16 * 1024**2


def lay(source: Readable, part: Part, target: BinaryIO, *, folder: Path, identity: Identity, proven: bool) -> None:
    """Write a part's pages to where they belong; after BadArchive the same part may be laid again from elsewhere.

    folder: where files that have no name may be.
    """
    if part.kind == "snap":
        target.seek(0)
        target.truncate()
        about = _take(source, part, target, identity=identity, proven=proven)
    else:
        with SpooledTemporaryFile(max_size=_HELD_BYTES, dir=str(folder)) as pages:
            about = _take(source, part, pages, identity=identity, proven=proven)
            _lay_pages(pages, target, size=about.page_size)
    target.truncate(about.pages * about.page_size)


def _take(source: Readable, part: Part, body: IO[bytes], *, identity: Identity, proven: bool) -> About:
    taking = _Taking(part, body)
    unpack(source, taking, identity)
    taking.check(identity, proven=proven)
    return taking.about


def _lay_pages(pages: IO[bytes], target: BinaryIO, *, size: int) -> None:
    """Write pages to where their numbers say, when all numbers are in order."""
    record = NUMBER_BYTES + size
    begins = range(0, pages.seek(0, 2), record)
    for begin in begins:
        pages.seek(begin)
        if not 1 <= int.from_bytes(pages.read(NUMBER_BYTES), "big") <= 2**32 - 2:
            raise BadArchive("A part of the log holds a page that cannot be.")
    for begin in begins:
        pages.seek(begin)
        number = int.from_bytes(pages.read(NUMBER_BYTES), "big")
        target.seek((number - 1) * size)
        target.write(pages.read(size))


class _Taking:
    """The sink of one part, whose pages or whole database it writes to `body`."""

    def __init__(self, part: Part, body: IO[bytes]) -> None:
        self._part = part
        self._body = body
        self._count = Count(Bounds.of_settings())
        self._ledger = Ledger()
        self._held = bytearray()
        self._member = Member(name="")
        self._about: About | None = None
        self._seal: Seal | None = None
        self._done: list[str] = []

    @property
    def about(self) -> About:
        """What the part says about itself."""
        if self._about is None:
            raise BadArchive("A part of the log does not begin as ours do.")
        return self._about

    def begin(self, member: Member) -> None:
        """Take a member, in the only order there is."""
        expected = (ABOUT, BODIES[self._part.kind], SEAL)[len(self._done) : len(self._done) + 1]
        if member.is_directory or (member.name,) != expected:
            raise BadArchive("A part of the log holds what none of ours does.")
        self._count.check_read(member)
        if self._is_document(member) and member.size > DOCUMENT_BYTES:
            raise BadArchive("A part of the log holds what none of ours does.")
        self._member = member

    def data(self, data: memoryview) -> None:
        """Take bytes of a document, or of the body."""
        if self._member.name != SEAL:
            self._ledger.data(data)
        if self._is_document(self._member):
            self._held += data
        else:
            self._body.write(data)

    def end(self) -> None:
        """Know that a member is whole."""
        if self._is_document(self._member):
            self._end_document()
        elif self._part.kind == "seg" and self._member.size % (NUMBER_BYTES + self.about.page_size):
            raise BadArchive("A part of the log ends in the middle of a page.")
        if self._member.name != SEAL:
            self._ledger.end(self._member)
        self._done.append(self._member.name)

    def _end_document(self) -> None:
        text = bytes(self._held)
        self._held.clear()
        try:
            if self._member.name == SEAL:
                self._seal = msgspec.json.decode(text, type=Seal)
            else:
                self._about = msgspec.json.decode(text, type=About)
        except msgspec.MsgspecError:
            raise BadArchive("A description in a part of the log cannot be read.") from None
        if self.about.page_size not in _PAGE_SIZES:
            raise BadArchive("A part of the log has pages of a size that cannot be.")

    def check(self, identity: Identity, *, proven: bool) -> None:
        """Compare with the seal, and see that it is the part that was asked for."""
        part, about = self._part, self.about
        if self._seal is None:
            raise BadArchive("A part of the log ends without its seal: it is not whole.")
        self._ledger.check(self._seal, identity, proven=proven)
        if (part.chain, part.number, part.moment, part.kind) != (about.chain, about.number, about.moment, about.kind):
            raise BadArchive(f"{part.name} is another part of the log than its name says.")

    def _is_document(self, member: Member) -> bool:
        return member.name in (ABOUT, SEAL)
