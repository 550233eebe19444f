"""From members to one encrypted file, as a stream: tar, zstd, age. Memory does not grow with what is packed."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import BinaryIO

import pyrage
import zstandard

from clawsite.ops.backups.bounds import FREE_BYTES, RATIO
from clawsite.ops.backups.errors import BackupFailed
from clawsite.ops.backups.identity import Recipient

LEVEL = 3
# A frame that every reader of zstd skips. It is of the size that lets RATIO times as much be compressed to nothing.
_PADDING_BYTES = FREE_BYTES // RATIO
_PADDING = struct.pack("<II", 0x184D2A50, _PADDING_BYTES) + bytes(_PADDING_BYTES)


@dataclass(frozen=True, kw_only=True, slots=True)
class Packed:
    """The file that came of it."""

    size: int
    sha256: str


def pack(chunks: Iterable[bytes], target: BinaryIO, recipients: list[Recipient]) -> Packed:
    """Compress and encrypt a stream into a file that is open for writing. What the stream raises comes out."""
    source, written = _Source(_compress(chunks)), _Target(target)
    try:
        pyrage.encrypt_io(source, written, recipients)
    except (pyrage.EncryptError, OSError) as error:
        cause = source.error or written.error
        if cause is not None:
            raise cause from None
        raise BackupFailed(f"The backup cannot be encrypted: {error}.") from error
    return Packed(size=written.size, sha256=written.digest.hexdigest())


def _compress(chunks: Iterable[bytes]) -> Iterator[bytes]:
    compressor, ratio = zstandard.ZstdCompressor(level=LEVEL), _Ratio()
    stream = compressor.compressobj()
    for chunk in chunks:
        yield ratio.count(chunk, stream.compress(chunk))
        if ratio.is_high():
            yield ratio.count(b"", stream.flush())
            yield ratio.count(b"", _PADDING)
            stream = compressor.compressobj()
    yield stream.flush()


class _Ratio:
    """How far a stream was compressed. What opens an archive bounds that, and everything of ours must open."""

    def __init__(self) -> None:
        self._taken = 0
        self._given = 0

    def count(self, taken: bytes, given: bytes) -> bytes:
        """Count what was taken and what came of it; return the latter."""
        self._taken += len(taken)
        self._given += len(given)
        return given

    def is_high(self) -> bool:
        """Tell whether it is half way to the bound. The compressor holds some of what it took back."""
        return self._taken > FREE_BYTES // 2 + RATIO * self._given


class _Source:
    """A stream of chunks as a file that can be read; remembers what went wrong, which the cipher does not tell."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self._held = memoryview(b"")
        self.error: BaseException | None = None

    def read(self, size: int = -1) -> bytes:
        """Return up to so many bytes, none at the end."""
        try:
            while not self._held:
                self._held = memoryview(next(self._chunks))
        except StopIteration:
            return b""
        except BaseException as error:
            self.error = error
            raise
        data, self._held = bytes(self._held[:size]), self._held[size:]
        return data


class _Target:
    """A file that is written, with its size and hash."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.digest = hashlib.sha256()
        self.size = 0
        self.error: BaseException | None = None

    def write(self, data: bytes) -> int:
        """Write all of it."""
        try:
            self._file.write(data)
        except BaseException as error:
            self.error = error
            raise
        self.digest.update(data)
        self.size += len(data)
        return len(data)

    def flush(self) -> None:
        """Hand on what is held back."""
        self._file.flush()
