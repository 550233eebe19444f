"""The two engines behind one set of functions: take a snapshot, check one that comes from outside."""

from __future__ import annotations

from pathlib import Path

from clawsite.ops.backups import sqlite
from clawsite.ops.backups.about import About
from clawsite.ops.backups.archive import hash_file
from clawsite.ops.backups.database import Snapshot
from clawsite.ops.backups.errors import BadArchive


def take_snapshot(folder: Path) -> Snapshot:
    """Write the database as it is at one moment into a folder."""
    return sqlite.take(folder)


def check_database(path: Path, about: About) -> None:
    """Restore a database from an archive into a scratch place and compare it with what the archive tells of it."""
    if hash_file(path) != about.database_sha256 or path.stat().st_size != about.database_bytes:
        raise BadArchive("The database in the archive is not the one that was put in.")
    counts, migrations = sqlite.check(path, about)
    if sorted(migrations) != sorted(about.migrations):
        raise BadArchive("The database in the archive has other migrations than the archive says.")
    if counts != about.counts:
        wrong = sorted(name for name in counts | about.counts if counts.get(name) != about.counts.get(name))
        raise BadArchive(f"Tables of the archive do not have as many rows as it says: {', '.join(wrong[:5])}.")
