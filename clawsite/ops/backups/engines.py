"""The two engines behind one set of functions. PostgreSQL's library is loaded only where it is used."""

from __future__ import annotations

from pathlib import Path

import msgspec

from clawsite.ops.backups import sqlite
from clawsite.ops.backups.about import About, check_known, engine
from clawsite.ops.backups.archive import hash_file
from clawsite.ops.backups.database import Snapshot
from clawsite.ops.backups.errors import BadArchive
from clawsite.ops.backups.extraction import Extraction


def take_snapshot(folder: Path) -> Snapshot:
    """Write the database as it is at one moment into a folder."""
    if engine() == "sqlite":
        return sqlite.take(folder)
    from clawsite.ops.backups import postgres

    return postgres.take(folder)


def check_database(path: Path, about: About, *, keep: bool = False) -> str:
    """Restore a database from an archive into a scratch place and compare it with what the archive tells of it.

    On PostgreSQL that place is a database; with `keep` it stays and its name is returned, otherwise "".
    """
    if hash_file(path) != about.database_sha256 or path.stat().st_size != about.database_bytes:
        raise BadArchive("The database in the archive is not the one that was put in.")
    if engine() == "sqlite":
        _compare(about, *sqlite.check(path, about))
        return ""
    return _check_postgres(path, about, keep=keep)


def _check_postgres(path: Path, about: About, *, keep: bool) -> str:
    from clawsite.ops.backups import postgres

    counts, migrations, name = postgres.check(path, about)
    kept = False
    try:
        _compare(about, counts, migrations)
        kept = keep
    finally:
        if not kept:
            postgres.drop(name)
    return name if kept else ""


def check_recovered(path: Path, about: About) -> None:
    """Check a SQLite database that was recovered from its log: it may have newer migrations than its backup."""
    with sqlite.opened(path) as base:
        found = msgspec.structs.replace(about, migrations=sqlite.applied_migrations(base))
    check_known(found)
    sqlite.check(path, found)


def leave_behind(extraction: Extraction) -> None:
    """Remove from a restored database what belongs to the machine that it came from. Its schema is known to be ours."""
    if engine() == "sqlite":
        sqlite.leave_behind(extraction.database)
        return
    from clawsite.ops.backups import postgres

    postgres.leave_behind(extraction.restored_as)


def put_away(name: str = "") -> None:
    """Remove a scratch database, or those that killed processes have left."""
    if engine() == "sqlite":
        return
    from clawsite.ops.backups import postgres

    if name:
        postgres.drop(name)
    else:
        postgres.drop_left_over()


def database_file() -> Path | None:
    """Return the file that holds the database of this installation; None where a server does."""
    return sqlite.live_path() if engine() == "sqlite" else None


def find_renaming(extraction: Extraction, kept: str) -> list[str]:
    """Return the names of the restored, the live and the kept database for a change of names; none for SQLite."""
    if engine() == "sqlite":
        return []
    from clawsite.ops.backups import postgres

    live = postgres.live_name()
    return [extraction.restored_as, live, f"{live[:40]}_{kept}"]


def rename_databases(names: list[str]) -> None:
    """Change the names; nothing happens when that was done before."""
    if names:
        from clawsite.ops.backups import postgres

        postgres.rename(*names)


def _compare(about: About, counts: dict[str, int], migrations: list[tuple[str, str]]) -> None:
    if sorted(migrations) != sorted(about.migrations):
        raise BadArchive("The database in the archive has other migrations than the archive says.")
    if counts != about.counts:
        wrong = sorted(name for name in counts | about.counts if counts.get(name) != about.counts.get(name))
        raise BadArchive(f"Tables of the archive do not have as many rows as it says: {', '.join(wrong[:5])}.")
