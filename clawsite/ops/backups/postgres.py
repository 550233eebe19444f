"""Dumps of a PostgreSQL database, and restoring them into a database beside the one that is in use.

The rows that the archive tells of are counted in the very snapshot that is dumped. A dump is restored into a scratch
database first, always; putting it in place is a change of names, in one transaction, which keeps the old database.
"""

from __future__ import annotations

import hashlib
import secrets
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from django.conf import settings
from django.db import DatabaseError, connections
from django.db.backends.base.base import BaseDatabaseWrapper
from psycopg import sql

from clawsite.ops.backups.about import About
from clawsite.ops.backups.connecting import environment
from clawsite.ops.backups.database import Properties, Snapshot
from clawsite.ops.backups.errors import BackupFailed, BadArchive
from clawsite.ops.backups.leaving import statements
from clawsite.ops.backups.properties import Cursor, apply_settings, create_alike, read_properties
from guardrails.processes import Limits, run

SCRATCH = "claw_scratch_"
OLD_SECONDS = 86_400
SECONDS = 5 * 3600.0
_LIMITS = Limits(seconds=SECONDS, cpu_seconds=0, memory_bytes=0, file_bytes=0)
_COLUMNS = """
SELECT table_name, column_name, data_type, is_nullable FROM information_schema.columns
WHERE table_schema = 'public' ORDER BY ordinal_position
"""
# Names only: conditions of indexes are written in other words after they were restored.
_BESIDE = """
SELECT 'trigger', tgname::text FROM pg_trigger WHERE NOT tgisinternal
UNION ALL SELECT 'function', proname::text FROM pg_proc WHERE pronamespace = 'public'::regnamespace
UNION ALL SELECT 'index', indexname::text FROM pg_indexes WHERE schemaname = 'public'
UNION ALL SELECT 'view', viewname::text FROM pg_views WHERE schemaname = 'public'
"""


def take(folder: Path) -> Snapshot:
    """Dump the database as it is at one moment into a folder, and count its rows in the same moment."""
    path = folder / "snapshot.dump"
    with connected(None) as base, base.cursor() as cursor:
        cursor.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        cursor.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
        cursor.execute("SELECT pg_export_snapshot()")
        moment = str(cursor.fetchall()[0][0])
        _tool("pg_dump", "--format=custom", "--compress=0", f"--snapshot={moment}", f"--file={path}")
        migrations, counts, schema = _look(cursor)
        properties = read_properties(cursor)
        cursor.execute("COMMIT")
    return Snapshot(path=path, migrations=migrations, counts=counts, schema=schema, properties=properties)


def check(path: Path, about: About) -> tuple[dict[str, int], list[tuple[str, str]], str]:
    """Restore a dump into a scratch database; return rows by table, migrations, and the name of that database.

    Whoever asks drops it, or puts it in place. The dump has to be one of ours: the seal of its archive says so.
    """
    name = f"{SCRATCH}{int(time.time())}_{secrets.token_hex(4)}"
    _create(name, about.properties)
    try:
        _tool("pg_restore", "--exit-on-error", "--single-transaction", f"--dbname={name}", str(path))
        with connected(name) as base, base.cursor() as cursor:
            migrations, counts, schema = _look(cursor)
            if about.properties is not None:
                apply_settings(cursor, name, about.properties)
        if schema != about.schema:
            raise BadArchive("The database in the archive has other tables than it says.")
    except BaseException:
        drop(name)
        raise
    return counts, migrations, name


def leave_behind(name: str) -> None:
    """Remove from a restored database what belongs to the machine that it came from."""
    with connected(name) as base, base.cursor() as cursor:
        for statement in statements(set(_tables(cursor))):
            cursor.execute(statement)


def rename(scratch: str, live: str, kept: str) -> None:
    """Put a restored database in place and keep the one that was there, both or neither; nothing when that is done."""
    try:
        with _maintenance() as cursor:
            cursor.execute("SELECT datname FROM pg_database WHERE datname IN (%s, %s)", [scratch, live])
            there = {row[0] for row in cursor.fetchall()}
            if scratch not in there:
                return
            cursor.execute("BEGIN")
            if live in there:
                cursor.execute(_named("ALTER DATABASE {} RENAME TO {}", live, kept))
            cursor.execute(_named("ALTER DATABASE {} RENAME TO {}", scratch, live))
            cursor.execute("COMMIT")
    except DatabaseError as error:
        raise BackupFailed(f"The database cannot be put in place: {_first_line(error)}") from error


def drop(name: str) -> None:
    """Remove a scratch database."""
    with suppress(BackupFailed, DatabaseError), _maintenance() as cursor:
        cursor.execute(_named("DROP DATABASE IF EXISTS {}", name))


def drop_left_over() -> None:
    """Remove scratch databases that killed processes have left a day ago; where it may not look there are none."""
    names: list[str] = []
    with suppress(BackupFailed, DatabaseError), _maintenance() as cursor:
        cursor.execute("SELECT datname FROM pg_database WHERE datname LIKE 'claw\\_scratch\\_%'")
        names = [row[0] for row in cursor.fetchall()]
    for name in names:
        born = name.removeprefix(SCRATCH).partition("_")[0]
        if born.isdecimal() and int(born) < time.time() - OLD_SECONDS:
            drop(name)


def live_name() -> str:
    """Return the name of the database that DATABASE_URL names."""
    return str(connections["default"].settings_dict["NAME"])


def _create(name: str, properties: Properties | None) -> None:
    try:
        with _maintenance() as cursor:
            create_alike(cursor, name, properties)
    except DatabaseError as error:
        raise BackupFailed(
            f"A backup is checked in a database of its own, which cannot be made: {_first_line(error)} "
            "Give the role of DATABASE_URL the right CREATEDB."
        ) from error


def _look(cursor: Cursor) -> tuple[list[tuple[str, str]], dict[str, int], str]:
    """Return migrations, rows by table, and a hash of the schema."""
    counts = {}
    for table in _tables(cursor):
        cursor.execute(_named("SELECT count(*) FROM {}", table))
        counts[table] = int(cursor.fetchall()[0][0])
    cursor.execute("SELECT app, name FROM django_migrations ORDER BY 1, 2")
    migrations = [(str(app), str(name)) for app, name in cursor.fetchall()]
    cursor.execute(_COLUMNS)
    found = sorted((tuple(row) for row in cursor.fetchall()), key=lambda row: str(row[0]))
    cursor.execute(_BESIDE)
    found += sorted(tuple(row) for row in cursor.fetchall())
    return migrations, counts, hashlib.sha256(repr(found).encode()).hexdigest()


def _tables(cursor: Cursor) -> list[str]:
    cursor.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1")
    return [str(row[0]) for row in cursor.fetchall()]


@contextmanager
def connected(name: str | None) -> Iterator[BaseDatabaseWrapper]:
    """Yield a connection of its own to a database of this server, the usual one for None. Each statement commits."""
    base = connections.create_connection("default")
    if name is not None:
        base.settings_dict = {**base.settings_dict, "NAME": name}
    try:
        yield base
    finally:
        base.close()


@contextmanager
def _maintenance() -> Iterator[Cursor]:
    """Yield a cursor on a database that is neither the usual one nor a scratch one."""
    last: Exception | None = None
    for name in ("postgres", "template1"):
        with connected(name) as base:
            try:
                base.ensure_connection()
            except DatabaseError as error:
                last = error
                continue
            with base.cursor() as cursor:
                yield cursor
            return
    raise BackupFailed("There is neither a database postgres nor template1 to connect to.") from last


def _named(text: str, *names: str) -> sql.Composed:
    return sql.SQL(text).format(*map(sql.Identifier, names))


def _tool(program: str, *arguments: str) -> None:
    """Run one of PostgreSQL's programs."""
    arguments = ("--no-owner", "--no-privileges", "--no-password", *arguments)
    done = run(
        [program, *arguments],
        cwd=settings.CLAW_HOME,
        env=environment(connections["default"].settings_dict),
        limits=_LIMITS,
        with_parent=True,
    )
    if not done.ok:
        told = done.stderr.decode(errors="replace").strip().splitlines() or ["it took too long"]
        raise BackupFailed(f"{program} did not succeed: {_short(told)}")


def _short(lines: Sequence[str]) -> str:
    return next((line for line in lines if "error:" in line), lines[-1])[:300]


def _first_line(error: DatabaseError) -> str:
    return str(error).strip().splitlines()[0][:200]
