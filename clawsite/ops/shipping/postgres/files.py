"""Single files in the form of a backup: a tar of one member and a seal, compressed and encrypted."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import msgspec

from clawsite.ops.backups.bounds import Bounds, Count
from clawsite.ops.backups.errors import BadArchive
from clawsite.ops.backups.identity import Identity, own_identity, own_recipient
from clawsite.ops.backups.ledger import SEAL, Ledger, Seal
from clawsite.ops.backups.packing import pack
from clawsite.ops.backups.stores import Check, Readable
from clawsite.ops.backups.tar import CHUNK, END, Member, write_member
from clawsite.ops.backups.unpacking import unpack

_FOLDER = "database/"
_ZEROS = bytes(CHUNK)


def wrap(source: Path, target: Path, *, name: str, check: Check = lambda: None) -> None:
    """Write a file, which says that it is `name`, into a new file that is on the disk when this returns.

    `check` is called often and may raise to stop it.
    """
    with source.open("rb") as body, target.open("wb") as file:
        os.fchmod(file.fileno(), 0o600)
        pack(_archive(body, source.stat().st_size, name, check), file, [own_recipient()])
        file.flush()
        os.fsync(file.fileno())


def _archive(body: BinaryIO, size: int, name: str, check: Check) -> Iterator[bytes]:
    ledger, member = Ledger(), Member(name=_FOLDER + name, size=size)
    for data in write_member(member, _Counted(body, ledger)):
        check()
        yield data
    ledger.end(member)
    seal = msgspec.json.encode(ledger.close(own_identity()))
    yield from write_member(Member(name=SEAL, size=len(seal)), io.BytesIO(seal))
    yield END


class _Counted(io.RawIOBase):
    """A file whose bytes go into the ledger as they are read."""

    def __init__(self, source: BinaryIO, ledger: Ledger) -> None:
        super().__init__()
        self._source = source
        self._ledger = ledger

    def read(self, size: int = -1, /) -> bytes:
        """Return up to so many bytes."""
        data = self._source.read(CHUNK if size < 0 else size)
        self._ledger.data(data)
        return data


def unwrap(source: Readable, target: Path, *, name: str, identity: Identity, proven: bool) -> None:
    """Write what was wrapped under this name into a new file; BadArchive leaves none.

    What is empty in it takes no room: a server finishes a segment every few seconds, and fills what it did not need of
    it with zeros. Those of a day would be 270 GiB.
    """
    try:
        with target.open("xb") as file:
            taking = _Taking(name, file)
            unpack(source, taking, identity)
            taking.check(identity, proven=proven)
    except BaseException:
        target.unlink(missing_ok=True)
        raise


class _Taking:
    """The sink of one wrapped file."""

    def __init__(self, name: str, file: BinaryIO) -> None:
        self._expected = [_FOLDER + name, SEAL]
        self._file = file
        self._count = Count(Bounds.of_settings())
        self._ledger = Ledger()
        self._member = Member(name="")
        self._seal = bytearray()

    def begin(self, member: Member) -> None:
        """Take the one file, then the seal."""
        if member.is_directory or self._expected[:1] != [member.name]:
            raise BadArchive(f"The archive holds {member.name[-100:]!r}, not what its name says.")
        self._count.check_read(member)
        self._member = member
        self._expected.pop(0)

    def data(self, data: memoryview) -> None:
        """Take bytes."""
        if self._member.name == SEAL:
            self._seal += data
            return
        self._ledger.data(data)
        for begin in range(0, len(data), CHUNK):
            self._write(data[begin : begin + CHUNK])

    def _write(self, data: memoryview) -> None:
        if bytes(data) == _ZEROS[: len(data)]:
            self._file.seek(len(data), os.SEEK_CUR)
        else:
            self._file.write(data)

    def end(self) -> None:
        """Know that a member is whole."""
        if self._member.name != SEAL:
            self._file.truncate(self._file.tell())
            self._ledger.end(self._member)

    def check(self, identity: Identity, *, proven: bool) -> None:
        """Compare with the seal."""
        try:
            told = msgspec.json.decode(bytes(self._seal), type=Seal)
        except msgspec.MsgspecError:
            raise BadArchive("The archive ends without its seal: it is not whole.") from None
        self._ledger.check(told, identity, proven=proven)
