"""From members to one encrypted file, as a stream: tar, zstd, age. Memory does not grow with what is packed."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import BinaryIO

import pyrage
import zstandard

from clawsite.ops.backups.errors import BackupFailed
from clawsite.ops.backups.identity import Recipient

LEVEL = 3


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
    compressor = zstandard.ZstdCompressor(level=LEVEL).compressobj()
    for chunk in chunks:
        if data := compressor.compress(chunk):
            yield data
    yield compressor.flush()


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
