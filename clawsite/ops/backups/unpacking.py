"""From an encrypted file to its members, as a stream that trusts nothing: bounds count the bytes that really come."""

from __future__ import annotations

import pyrage
import zstandard

from clawsite.ops.backups.bounds import FREE_BYTES, RATIO
from clawsite.ops.backups.errors import BadArchive
from clawsite.ops.backups.identity import Identity
from clawsite.ops.backups.tar import Sink, Source, TarReader

MAX_WINDOW = 8 * 1024**2
# How every file of age begins.
_INTRO = b"age-encryption.org/v1\n"
_WRONG_KEY = (
    "The archive is encrypted for another identity. Give the file with the right one: --identity FILE "
    "(CLAW_HOME/backup.key of the machine that made the backup, or what belongs to CLAW_BACKUP_RECIPIENT)."
)


def unpack(source: Source, sink: Sink, identity: Identity) -> None:
    """Feed a sink with everything in an archive; BadArchive for one that is damaged, cut off or not for us."""
    reading, tar = _Reading(source), TarReader(sink)
    inflating = _Inflating(reading, tar)
    try:
        pyrage.decrypt_io(reading, inflating, [identity])
    except (pyrage.DecryptError, OSError) as error:
        cause = reading.error or inflating.error
        if cause is not None:
            raise cause from None
        if "No matching keys" in str(error):
            raise BadArchive(_WRONG_KEY) from None
        if not reading.is_age():
            raise BadArchive("This is no backup of clawsite: it does not begin as one does.") from None
        raise BadArchive("The archive is damaged or cut off: it cannot be decrypted to its end.") from None
    tar.finish()


class _Reading:
    """The source, with the number of bytes that it gave and what went wrong."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self.size = 0
        self.error: BaseException | None = None
        self._begin = b""

    def read(self, size: int = -1) -> bytes:
        """Return up to so many bytes."""
        try:
            data = bytes(self._source.read(size))
        except BaseException as error:
            self.error = error
            raise
        self.size += len(data)
        self._begin += data[: len(_INTRO) - len(self._begin)]
        return data

    def is_age(self) -> bool:
        """Tell whether it begins as backups do, as far as it was read. What is cut off in its first line does."""
        return _INTRO.startswith(self._begin)


class _Inflating:
    """Takes what was decrypted, and hands on what was compressed in it, piece by piece."""

    def __init__(self, reading: _Reading, tar: TarReader) -> None:
        self._reading = reading
        self._tar = tar
        self._size = 0
        self.error: BaseException | None = None
        self._inflater = zstandard.ZstdDecompressor(max_window_size=MAX_WINDOW).stream_writer(_Out(self))  # type: ignore[arg-type]

    def write(self, data: bytes) -> int:
        """Decompress the next bytes."""
        try:
            self._inflater.write(data)
        except zstandard.ZstdError:
            self.error = BadArchive("The archive is damaged: it cannot be decompressed.")
            raise self.error from None
        except BaseException as error:
            self.error = error
            raise
        return len(data)

    def flush(self) -> None:
        """Nothing is held back."""

    def take(self, data: bytes) -> int:
        """Count a piece and hand it on."""
        self._size += len(data)
        if self._size > FREE_BYTES + RATIO * self._reading.size:
            raise BadArchive(f"The archive unpacks to more than {RATIO} times its size.")
        return self._tar.write(data)


class _Out:
    """The file that the decompressor writes to."""

    def __init__(self, owner: _Inflating) -> None:
        self._owner = owner

    def write(self, data: bytes) -> int:
        """Hand a piece on."""
        return self._owner.take(data)
