"""Lays a part of a chain onto a database file. Nothing that a part says is believed before its seal was compared."""

from __future__ import annotations

from typing import BinaryIO

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


def lay(source: Readable, part: Part, target: BinaryIO, *, identity: Identity, proven: bool) -> None:
    """Write a part's pages to where they belong; BadArchive leaves a file that is of no use."""
    laying = _Laying(part, target)
    unpack(source, laying, identity)
    laying.check(identity, proven=proven)


class _Laying:
    """The sink of one part."""

    def __init__(self, part: Part, target: BinaryIO) -> None:
        self._part = part
        self._target = target
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
        self._target.seek(0)

    def data(self, data: memoryview) -> None:
        """Take bytes: of a document, of a page, or of the whole database."""
        if self._member.name != SEAL:
            self._ledger.data(data)
        if self._member.name == BODIES["snap"]:
            self._target.write(data)
            return
        self._held += data
        if self._member.name == BODIES["seg"]:
            self._lay_pages()

    def _lay_pages(self) -> None:
        record = NUMBER_BYTES + self.about.page_size
        end = len(self._held) // record * record
        for begin in range(0, end, record):
            number = int.from_bytes(self._held[begin : begin + NUMBER_BYTES], "big")
            if not 1 <= number <= 2**32 - 2:
                raise BadArchive("A part of the log holds a page that cannot be.")
            self._target.seek((number - 1) * self.about.page_size)
            self._target.write(self._held[begin + NUMBER_BYTES : begin + record])
        del self._held[:end]

    def end(self) -> None:
        """Know that a member is whole."""
        if self._is_document(self._member):
            self._end_document()
        elif self._held:
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
        """Compare with the seal, see that it is the part that was asked for, and cut the file to its size."""
        part, about = self._part, self.about
        if self._seal is None:
            raise BadArchive("A part of the log ends without its seal: it is not whole.")
        self._ledger.check(self._seal, identity, proven=proven)
        if (part.chain, part.number, part.moment, part.kind) != (about.chain, about.number, about.moment, about.kind):
            raise BadArchive(f"{part.name} is another part of the log than its name says.")
        self._target.truncate(about.pages * about.page_size)

    def _is_document(self, member: Member) -> bool:
        return member.name in (ABOUT, SEAL)
