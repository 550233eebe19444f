"""What a platform has taken, in a file of this machine before it is in the database: a killed sender repeats less.

Each sender notes every answer at once, in a file of its own that is locked for as long as it lives; the next sender of
the channel on this machine records what the dead have noted and removes their files. A note outlives its process, not
a loss of power, and nothing depends on it: a row without one is sent again and marked, as on another machine.
"""

from __future__ import annotations

import errno
import json
import logging
import os
import secrets
from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from django.conf import settings

from clawsite.core.filelocks import try_lock
from clawsite.core.leases import Held
from sessions_app import outbox
from sessions_app.models import Outbox
from sessions_app.outbox import Accepted

logger = logging.getLogger(__name__)

# Beyond this a file begins again with what is on its way.
FULL_BYTES = 64 * 1024
# Of a file no more is read than a sender writes, a message of very many parts included.
READ_BYTES = 1024 * 1024
_MOST = 2**63


class Receipts:
    """The notes of one sender. Its calls come from the event loop, take microseconds and never fail."""

    def __init__(self, channel_id: int) -> None:
        self._channel_id = channel_id
        self._path = Path()
        self._file = -1
        self._size = 0
        self._on_their_way: dict[int, bytes] = {}
        self._failing = self._closed = False

    def note(self, row: Outbox, remote_ids: Sequence[str], *, whole: bool, token: int) -> None:
        """Note the parts of a row that are out; `whole` when nothing of the row is left to do."""
        if self._closed:
            return
        line = self._on_their_way[row.pk] = _line_of(row, remote_ids, whole=whole, token=token)
        try:
            self._write(line)
        except OSError as error:
            if not self._failing:
                logger.warning("no receipts are kept, a crash may repeat messages: %s", error.strerror)
            self._failing = True
        else:
            self._failing = False

    def forget(self, pk: int) -> None:
        """Keep nothing of a row any more: how its call went is recorded."""
        self._on_their_way.pop(pk, None)

    def close(self) -> None:
        """Note nothing more; what was not recorded is left to the next sender."""
        self._closed = True
        if self._file < 0:
            return
        if not self._on_their_way:
            with suppress(OSError):
                self._path.unlink()
        os.close(self._file)
        self._file = -1

    def _write(self, line: bytes) -> None:
        if self._file < 0:
            self._open()
        if self._size > FULL_BYTES:
            os.ftruncate(self._file, 0)
            self._size, line = 0, b"".join(self._on_their_way.values())
        written = os.write(self._file, line)
        self._size += written
        if written < len(line):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def _open(self) -> None:
        folder = _folder()
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._path = folder / f"{self._channel_id}.{os.getpid()}.{secrets.token_hex(4)}"
        file = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL, 0o600)
        if not _is_ours(file):  # another sender that begins took it for a dead one's, or there are no locks here
            os.close(file)
            self._path.unlink(missing_ok=True)
            raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))
        self._file, self._size = file, 0


def settle(channel_id: int, *, held: Held, except_for: Collection[int] = ()) -> int:
    """Record what dead senders of this machine have noted for a channel, and remove their files.

    Returns how many rows are out that nobody had recorded. LeaseLost, and all files stay, for a sender overtaken. May
    be repeated at any time.
    """
    dead = list(_lock_dead(channel_id))
    try:
        notes = [note for _, file in dead for note in _read(file)]
        found = outbox.record_accepted(channel_id, notes, held=held, except_for=except_for)
        for path, _ in dead:
            with suppress(OSError):
                path.unlink()
        return found
    finally:
        for _, file in dead:
            os.close(file)


def _folder() -> Path:
    path: Path = settings.RUN_DIR / "receipts"
    return path


def _lock_dead(channel_id: int) -> Iterator[tuple[Path, int]]:
    """Open the files of senders that are gone; the lock of one that lives is its own."""
    for path in sorted(_folder().glob(f"{channel_id}.*")):
        try:
            file = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK)
        except OSError:
            continue
        if _is_ours(file):
            yield path, file
        else:
            os.close(file)


def _is_ours(file: int) -> bool:
    """Lock an open file; False when another has it, and where no files can be locked."""
    try:
        return try_lock(file)
    except OSError:
        return False


def _read(file: int) -> list[Accepted]:
    """Return the notes of an open file; what is none, such as half a line at its end, is passed."""
    try:
        lines = os.pread(file, READ_BYTES, 0).splitlines()
    except OSError as error:
        logger.warning("receipts cannot be read: %s", error.strerror)
        return []
    return [note for line in lines if (note := _note_of(line)) is not None]


def _line_of(row: Outbox, remote_ids: Sequence[str], *, whole: bool, token: int) -> bytes:
    """Return a note as a line. It begins one, too, so that half a line before it spoils no more than itself."""
    data = [row.pk, row.created_at.isoformat(), len(remote_ids), list(remote_ids), whole, token]
    return f"\n{json.dumps(data)}\n".encode("ascii")


def _note_of(line: bytes) -> Accepted | None:
    """Return what a line says, None for what no sender wrote."""
    try:
        row, born, count, remote_ids, whole, token = json.loads(line)
        note = Accepted(row=row, born=datetime.fromisoformat(born), remote_ids=remote_ids, whole=whole, token=token)
    except (ValueError, TypeError, RecursionError):
        return None
    numbers = all(type(each) is int and 0 <= each < _MOST for each in (row, count, token))
    sound = numbers and type(whole) is bool and note.born.tzinfo is not None and type(remote_ids) is list
    return note if sound and len(remote_ids) == count and all(_is_id(each) for each in remote_ids) else None


def _is_id(value: object) -> bool:
    """Tell whether a platform may have given this id and a database can keep it."""
    return isinstance(value, str) and value.isprintable()
