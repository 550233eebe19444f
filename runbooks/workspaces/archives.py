"""Archives that people send: recognized by content, listed, and unpacked only as plain files below one folder.

An archive with a link, a device, a name that leads out or twice the same name is refused as a whole. What headers say
of sizes is not believed: what really comes out is counted, also of what is only listed. What is said of files besides
their content is bounded before it is read: in headers of a tar Python's reader takes time by the square of their
length, or for ever, and of a zip it makes an object for each name of the list at its end before it tells of the first.
"""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from stat import S_IFMT, S_IFREG
from typing import IO, Self

from clawsite.core.errors import BadInput, ClawError
from runbooks.workspaces.files import check_path

MOST_BYTES = 100 * 1024**2
MOST_ENTRIES = 1000
MOST_RATIO = 100
# Of what an archive says of its files: a tar besides names and sizes, in one header and in all; a zip in its list.
MOST_SAID, MOST_SAID_IN_ALL = 8 * 1024, 1024**2
_SAYING = (tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.SOLARIS_XHDTYPE)
_PACKED = (b"\x1f\x8b", b"BZh", b"\xfd7zXZ\x00")
_OTHERS = (b"7z\xbc\xaf\x27\x1c", b"Rar!\x1a\x07", b"\x28\xb5\x2f\xfd")
_BROKEN = (
    zipfile.BadZipFile, tarfile.TarError, OSError, EOFError, lzma.LZMAError, zlib.error, NotImplementedError,
    RuntimeError, ValueError,
)  # fmt: skip


def is_archive(data: bytes) -> bool:
    """Whether the content is an archive or compressed, of whatever kind."""
    return _kind(data) != ""


def _kind(data: bytes) -> str:
    if data.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return "zip"
    if data[257:262] == b"ustar":
        return "tar"
    if data.startswith(_PACKED):
        return "packed"
    return "other" if data.startswith(_OTHERS) else ""


def list_archive(data: bytes) -> list[tuple[str, int]]:
    """Return the names and sizes of what an archive holds; BadInput for one that would not be unpacked."""
    return [(name, len(content)) for name, content in unpack(data)]


def unpack(data: bytes) -> list[tuple[str, bytes]]:
    """Return the files of an archive, in its order. BadInput when it is not safe, too large or no archive."""
    try:
        found = list(_members(data))
    except ClawError:
        raise
    except _BROKEN as error:
        raise BadInput("The archive is broken, or of a kind that cannot be unpacked.") from error
    names = [name.casefold() for name, _ in found]
    if len(set(names)) < len(names):
        raise BadInput("The archive holds a name twice.")
    return found


def _members(data: bytes) -> Iterator[tuple[str, bytes]]:
    kind = _kind(data)
    if kind == "zip":
        return _of_zip(data)
    if kind == "tar":
        return _of_tar(data, len(data))
    if kind == "packed":
        return _of_tar(_plain(data), len(data))
    raise BadInput("This is no archive that can be unpacked: zip, tar, tar.gz, tar.bz2 or tar.xz.")


def _plain(data: bytes) -> bytes:
    """Return what is in a compressed file; a bomb is not unpacked further than is allowed."""
    most = MOST_BYTES + MOST_ENTRIES * 1024
    with _opened(data) as packed:
        plain = packed.read(most)
    if _kind(plain) != "tar":
        raise BadInput("This is no archive that can be unpacked: zip, tar, tar.gz, tar.bz2 or tar.xz.")
    return plain


def _opened(data: bytes) -> gzip.GzipFile | bz2.BZ2File | lzma.LZMAFile:
    source = io.BytesIO(data)
    if data.startswith(b"\x1f\x8b"):
        return gzip.GzipFile(fileobj=source)
    return bz2.BZ2File(source) if data.startswith(b"BZh") else lzma.LZMAFile(source)


def _of_zip(data: bytes) -> Iterator[tuple[str, bytes]]:
    source = _Source(data)
    with zipfile.ZipFile(source) as archive:
        source.is_opened = True
        count = _Count(len(data))
        for info in archive.infolist():
            count.entry()
            kind = S_IFMT(info.external_attr >> 16)
            if info.is_dir():
                continue
            if kind not in (0, S_IFREG) or info.flag_bits & 1:
                raise BadInput("The archive holds links or what is encrypted.")
            with archive.open(info) as member:
                yield _name(info.filename), count.read(member)


class _Source(io.BytesIO):
    """A zip, of which no long piece is read while it is opened: that would be the list of its names."""

    is_opened = False

    def read(self, size: int | None = -1, /) -> bytes:
        """Return the next bytes; BadInput for a list that nobody needs."""
        left = self.getbuffer().nbytes - self.tell()
        if not self.is_opened and min(left, left if size is None or size < 0 else size) > MOST_SAID_IN_ALL:
            raise BadInput("The archive holds more than may be unpacked.")
        return super().read(size)


def _of_tar(data: bytes, packed: int) -> Iterator[tuple[str, bytes]]:
    with tarfile.open(fileobj=io.BytesIO(data), mode="r:", tarinfo=_bounded_headers()) as archive:
        count = _Count(packed)
        for info in archive:
            count.entry()
            if info.isdir():
                continue
            member = archive.extractfile(info) if info.isreg() and not info.issparse() else None
            if member is None:
                raise BadInput("The archive holds links, devices or what is no plain file.")
            with member:
                yield _name(info.name), count.read(member)


def _bounded_headers() -> type[tarfile.TarInfo]:
    """Return what reads the headers of one tar; BadInput for those that nobody needs and that are slow to read."""

    class Header(tarfile.TarInfo):
        said = 0

        @classmethod
        def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> Self:
            made = super().frombuf(buf, encoding, errors)
            if made.type in _SAYING:
                cls.said += made.size
            if made.size < 0 or (made.type in _SAYING and made.size > MOST_SAID) or cls.said > MOST_SAID_IN_ALL:
                raise BadInput("The archive holds more than may be unpacked.")
            return made

    return Header


def _name(name: str) -> str:
    return check_path(name.replace("\\", "/"))


class _Count:
    """Counts what really comes out of an archive."""

    def __init__(self, packed: int) -> None:
        self._most = min(MOST_BYTES, max(packed, 1) * MOST_RATIO)
        self._bytes = self._entries = 0

    def entry(self) -> None:
        """Count a name."""
        self._entries += 1
        if self._entries > MOST_ENTRIES:
            raise BadInput(f"The archive holds more than {MOST_ENTRIES} names.")

    def read(self, member: IO[bytes]) -> bytes:
        """Return a file's content."""
        data = member.read(self._most - self._bytes + 1)
        self._bytes += len(data)
        if self._bytes > self._most:
            raise BadInput("The archive holds more than may be unpacked.")
        return data
