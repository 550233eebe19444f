"""Keeps SQLite from beginning its log anew while not all of it is copied, and lets that happen when it is.

A reader keeps the log as it is. There is always one: the next begins before the last one ends, and what is committed
is copied in between. The order is what makes this safe:

1. A new reader begins. Either it reads from the log, then nobody can begin the log anew; or all of the log is in the
   database already, then it can be begun anew once, because this reader keeps the new one from being written back.
2. All that is committed is copied. Until then the old reader held the log.
3. The old reader ends.

So at any time the log that is there goes on from what was copied last.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

BUSY_SECONDS = 2.0
QUIET_SECONDS = 1.0
TRY_SECONDS = 0.001


class Hold:
    """Connections to one database. Used by one thread at a time."""

    def __init__(self, database: Path) -> None:
        self._database = database
        self._readers = [self._connect(), self._connect()]
        self._checkpoints = self._connect()
        self._writer = self._connect(busy_seconds=0)
        _read(self._readers[0])

    @contextmanager
    def moved(self) -> Iterator[None]:
        """Hold what is committed now, too; the older hold ends with the block, and stays when the block fails."""
        old, new = self._readers
        _read(new)
        try:
            yield
        except BaseException:
            new.rollback()
            raise
        old.rollback()
        self._readers.reverse()

    def committed(self) -> int | None:
        """Return the number of committed frames in the log, None when another connection is writing them back.

        SQLite tells it as the answer to a checkpoint, which also keeps the log short. It disturbs nobody.
        """
        _, frames, _ = self._checkpoints.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
        return None if frames < 0 else int(frames)

    @contextmanager
    def quiet(self) -> Iterator[bool]:
        """Keep everybody from writing; yields False when the lock was not to be had."""
        taken = self._lock()
        try:
            yield taken
        finally:
            if taken:
                self._writer.rollback()

    def _lock(self) -> bool:
        """Ask for the lock often: SQLite itself waits ever longer, and busy writers would always be there before it."""
        deadline = time.monotonic() + QUIET_SECONDS
        while time.monotonic() < deadline:
            try:
                self._writer.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError:
                time.sleep(TRY_SECONDS)
            else:
                return True
        return False

    def freeze(self) -> sqlite3.Connection:
        """Return a connection of its own that sees the database as it is now, until it is closed."""
        connection = self._connect()
        _read(connection)
        return connection

    def close(self) -> None:
        """Let go of everything."""
        for connection in (*self._readers, self._checkpoints, self._writer):
            connection.close()

    def _connect(self, *, busy_seconds: float = BUSY_SECONDS) -> sqlite3.Connection:
        connection = sqlite3.connect(
            f"{self._database.absolute().as_uri()}?mode=rw", uri=True, timeout=busy_seconds, isolation_level=None,
            check_same_thread=False,
        )  # fmt: skip
        connection.execute("PRAGMA wal_autocheckpoint=0")
        connection.execute("PRAGMA synchronous=FULL")
        return connection


def _read(connection: sqlite3.Connection) -> None:
    """Begin to read: SQLite takes the snapshot with the first look, not with BEGIN."""
    connection.execute("BEGIN")
    connection.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchone()
