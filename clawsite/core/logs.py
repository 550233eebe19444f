"""Log hygiene: tokens, keys and credentials never reach a log line, and one event stays one line.

Lines go to stderr and to one file that all processes of an installation append to, whole lines at a time.
"""

from __future__ import annotations

import fcntl
import logging
import os
from contextlib import suppress
from pathlib import Path

from clawsite.core.redaction import redact
from clawsite.core.tracing import ids


class RedactFilter(logging.Filter):
    """Redacts the finished message, its arguments and the traceback of every record, and escapes line breaks."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Rewrite the record in place; never drop it and never fail, because whoever logs would fail with it."""
        if getattr(record, "redacted", False):  # another handler was here before
            return True
        record.redacted = True
        record.msg = redact(_message_of(record)).replace("\r", "\\r").replace("\n", "\\n")
        record.args = ()
        if record.exc_info and not record.exc_text:
            record.exc_text = redact(logging.Formatter().formatException(record.exc_info))
        return True


def _message_of(record: logging.LogRecord) -> str:
    """Return the message with its arguments; without them when they do not fit it."""
    try:
        return record.getMessage()
    except Exception:  # arguments of any type, shown by code of anybody
        return f"{record.msg} (its arguments do not fit)"


class LineFormatter(logging.Formatter):
    """Writes one line for people. At its end stands what it is about: trace_id, session and job, if any."""

    def formatMessage(self, record: logging.LogRecord) -> str:
        """Return the line, without a traceback."""
        return " ".join([super().formatMessage(record), *(f"{key}={value}" for key, value in ids().items())])


class LogFile(logging.Handler):
    """Appends to a file; whoever finds it full moves it away (`.1` is the newest of `kept`), and all begin a new one.

    A disk that is full or a directory that is gone costs lines, never the work of who logs.
    """

    def __init__(self, path: Path, *, size: int, kept: int = 3) -> None:
        super().__init__()
        self._path = path
        self._size = size
        self._kept = kept
        self._file = -1
        self._inode = 0

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record; a failure is nobody's."""
        with suppress(Exception):
            file = self._open()
            os.write(file, f"{self.format(record)}\n".encode(errors="backslashreplace"))
            if os.fstat(file).st_size > self._size:
                self._turn_over()

    def close(self) -> None:
        """Let the file go."""
        self._let_go()
        super().close()

    def _open(self) -> int:
        """Return the file that has the name now."""
        with suppress(FileNotFoundError):
            if self._file >= 0 and self._path.stat().st_ino == self._inode:
                return self._file
        self._let_go()
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._file = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        self._inode = os.fstat(self._file).st_ino
        return self._file

    def _let_go(self) -> None:
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def _turn_over(self) -> None:
        """Move the full file away, unless somebody does at this moment or just has."""
        lock = os.open(self._path.with_suffix(".lock"), os.O_WRONLY | os.O_CREAT, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if self._path.stat().st_size > self._size:
                for number in range(self._kept - 1, 0, -1):
                    with suppress(FileNotFoundError):
                        os.replace(f"{self._path}.{number}", f"{self._path}.{number + 1}")
                os.replace(self._path, f"{self._path}.1")
        finally:
            os.close(lock)
