"""A look into an installation's database from outside, without Django, and a lock on it."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import psycopg
from psycopg.types.string import TextLoader

from tests.engine import servers_of

BUSY_SECONDS = 30.0


class Store:
    """The database of an installation, or of a DATABASE_URL. Each call has a connection of its own.

    JSON is text on either engine.
    """

    ERRORS = (sqlite3.Error, psycopg.Error)

    def __init__(self, home: Path, *, url: str = "") -> None:
        self._file = home / "clawsite.sqlite3"
        self._url = url or servers_of(home).get("DATABASE_URL", "")

    @contextlib.contextmanager
    def _connect(self) -> Iterator[Any]:
        connection: Any
        if self._url:
            connection = psycopg.connect(self._url, autocommit=True)
            connection.adapters.register_loader("jsonb", TextLoader)
        else:
            connection = sqlite3.connect(self._file, timeout=BUSY_SECONDS, isolation_level=None)
        with contextlib.closing(connection):
            yield connection

    def rows(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        """Return what a query with %s for its values finds."""
        with self._connect() as connection:
            return list(connection.execute(sql if self._url else sql.replace("%s", "?"), values).fetchall())

    def answers(self, queries: Mapping[str, str]) -> dict[str, list[tuple[Any, ...]]]:
        """Return what each query finds, over one connection."""
        with self._connect() as connection:
            return {name: list(connection.execute(sql).fetchall()) for name, sql in queries.items()}

    def value(self, sql: str, *values: object) -> Any:
        """Return the one value that a query finds, or None."""
        found = self.rows(sql, *values)
        return found[0][0] if found else None

    def waiting(self) -> int:
        """Return how many rows of inbox and outbox are not finished."""
        inbox = self.value("SELECT count(*) FROM sessions_app_inbox WHERE state = 'new'")
        outbox = self.value("SELECT count(*) FROM sessions_app_outbox WHERE state IN ('new', 'sending')")
        return int(inbox) + int(outbox)

    def owner(self, prefix: str) -> int:
        """Return the pid of the process that holds the lease whose name begins so, 0 when it is free."""
        sql = "SELECT pid FROM core_lease JOIN core_process ON owner_id = id WHERE name LIKE %s"
        return int(self.value(sql, f"{prefix}%") or 0)

    def is_whole(self) -> bool:
        """Tell whether SQLite finds its file in order; PostgreSQL is not ours to doubt."""
        return bool(self._url) or self.rows("PRAGMA integrity_check") == [("ok",)]

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Keep everybody from writing the inbox: SQLite's one write lock, or PostgreSQL's strongest table lock."""
        with self._connect() as connection:
            begin = "BEGIN; LOCK TABLE sessions_app_inbox IN ACCESS EXCLUSIVE MODE" if self._url else "BEGIN IMMEDIATE"
            connection.execute(begin)
            try:
                yield
            finally:
                connection.execute("ROLLBACK")
