"""Snapshots of a SQLite database, and the checks of one that comes from outside.

The online backup API copies in one step: it sees one moment, while others go on writing. In several steps it would
begin anew at each write of another process, and under steady writes never end.
"""

from __future__ import annotations

import hashlib
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from django.db import connection

from clawsite.ops.backups.about import About
from clawsite.ops.backups.database import Snapshot
from clawsite.ops.backups.errors import BackupFailed, BadArchive
from clawsite.ops.backups.leaving import statements
from clawsite.ops.backups.migrating import migrate_scratch

TIMEOUT_SECONDS = 30.0
# What ANALYZE makes. A trigger in a file from outside may have a name that begins so, too.
_STATISTICS = {
    ("table", "sqlite_stat1", "CREATE TABLE sqlite_stat1(tbl,idx,stat)"),
    ("table", "sqlite_stat4", "CREATE TABLE sqlite_stat4(tbl,idx,neq,nlt,ndlt,sample)"),
}


def take(folder: Path) -> Snapshot:
    """Copy the database as it is at one moment into a folder, and look at the copy."""
    path = folder / "snapshot.sqlite3"
    copy_database(live_path(), path)
    with opened(path) as copy:
        return Snapshot(
            path=path, migrations=applied_migrations(copy), counts=count_rows(copy), schema=schema_hash(copy)
        )


def live_path() -> Path:
    """Return where the database of this installation lies."""
    return Path(connection.settings_dict["NAME"])


def copy_database(source: Path, target: Path) -> None:
    """Copy a database that is in use into a new file, which is on the disk when this returns."""
    try:
        with closing(_connect(source)) as live, closing(sqlite3.connect(target)) as copy:
            live.backup(copy)
            copy.execute("PRAGMA journal_mode=DELETE")
        with target.open("rb") as file:
            os.fsync(file.fileno())
    except sqlite3.Error as error:
        raise BackupFailed(f"The database cannot be copied: {error}.") from error


@contextmanager
def opened(path: Path) -> Iterator[sqlite3.Connection]:
    """Yield a connection that only reads and runs nothing that a schema from outside may hold."""
    with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro&immutable=1", uri=True)) as base:
        base.execute("PRAGMA trusted_schema=OFF")
        base.execute("PRAGMA cell_size_check=ON")
        yield base


def count_rows(base: sqlite3.Connection) -> dict[str, int]:
    """Return the number of rows of each table."""
    names = [name for kind, name, _ in objects(base) if kind == "table"]
    # The names come from a schema that is our own, or was compared with it.
    return {name: base.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0] for name in names}  # noqa: S608


def objects(base: sqlite3.Connection) -> list[tuple[str, str, str]]:
    """Return kind, name and SQL of everything in the schema, in one order."""
    rows = base.execute("SELECT type, name, coalesce(sql, '') FROM sqlite_master ORDER BY type, name")
    found = [(kind, name, " ".join(sql.split())) for kind, name, sql in rows]
    return [each for each in found if each not in _STATISTICS]


def schema_hash(base: sqlite3.Connection) -> str:
    """Return the schema as one number."""
    return hashlib.sha256(repr(objects(base)).encode()).hexdigest()


def applied_migrations(base: sqlite3.Connection) -> list[tuple[str, str]]:
    """Return the migrations that the database says are applied."""
    return [(app, name) for app, name in base.execute("SELECT app, name FROM django_migrations ORDER BY 1, 2")]


def check(path: Path, about: About) -> tuple[dict[str, int], list[tuple[str, str]]]:
    """Check that a file is a whole database with our schema; return its rows by table, and its migrations."""
    expected = expected_schema(about, path.parent)
    try:
        with opened(path) as base:
            if objects(base) != expected:
                raise BadArchive("The database in the archive has other tables, triggers or views than ours.")
            # Now that the schema is known to be ours, its checks may run: they call json_valid().
            base.execute("PRAGMA trusted_schema=ON")
            found = base.execute("PRAGMA integrity_check(5)").fetchall()
            if found != [("ok",)]:
                raise BadArchive(f"The database in the archive is damaged: {found[0][0]}")
            return count_rows(base), applied_migrations(base)
    except sqlite3.Error as error:
        raise BadArchive(f"The database in the archive cannot be read: {error}.") from None


def expected_schema(about: About, folder: Path) -> list[tuple[str, str, str]]:
    """Return the schema that these migrations lead to: this installation's own, or one that is made to compare."""
    own = _own_schema(about.migrations)
    if own is not None:
        return own
    with closing(_connect(migrate_scratch(about, folder))) as base:
        return objects(base)


def _own_schema(migrations: list[tuple[str, str]]) -> list[tuple[str, str, str]] | None:
    """Return the schema of the live database when it has just these migrations and can be read at all."""
    try:
        with closing(_connect(live_path())) as base:
            return objects(base) if applied_migrations(base) == sorted(migrations) else None
    except (sqlite3.Error, BackupFailed):
        return None


def leave_behind(path: Path) -> None:
    """Remove what belongs to the machine that a database came from, before anything else opens it."""
    with closing(_connect(path)) as base:
        tables = {name for kind, name, _ in objects(base) if kind == "table"}
        for statement in statements(tables):
            base.execute(statement)
        base.commit()


def settle(path: Path) -> None:
    """Bring what is in the log of a database that is replaced into its file, so that the copy kept is whole."""
    with suppress(sqlite3.Error, BackupFailed), closing(_connect(path)) as base:
        base.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def _connect(path: Path) -> sqlite3.Connection:
    if not path.is_file():
        raise BackupFailed(f"There is no database at {path}.")
    return sqlite3.connect(path, timeout=TIMEOUT_SECONDS)
