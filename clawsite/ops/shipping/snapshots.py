"""Snapshots of the database for a chain: when one is due, and how it gets into the spool."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

from clawsite.ops.backups.errors import BackupFailed
from clawsite.ops.backups.excess import too_large
from clawsite.ops.shipping.collecting import Frozen
from clawsite.ops.shipping.parts import write_snapshot
from clawsite.ops.shipping.spool import SPOOL_BYTES, Spool, State, burden, now

# A recovery lays at most so many segments on a snapshot, or as many bytes as it has itself.
MOST_SEGMENTS = 5000
LEAST_BYTES = 64 * 1024**2
DAY = 86_400_000


def is_due(state: State | None) -> bool:
    """Tell whether a recovery from the newest snapshot has become slow, or would need one that is old."""
    if state is None or not state.snapshot_at:
        return True
    many = state.parts >= MOST_SEGMENTS or state.bytes >= max(LEAST_BYTES, state.snapshot_bytes)
    return many or abs(now() - state.snapshot_at) >= DAY  # a clock that was ahead made it late, too


def check_waiting(spool: Spool) -> None:
    """See that not too much waits for the stores already: they may be away for days."""
    if burden(spool.parts()) > SPOOL_BYTES:
        raise BackupFailed("So much waits for the stores that the log of the database is not copied any more.")


def check_size(database: Path) -> None:
    """See that a snapshot may be as large as the database: it would be found out after copying all of it."""
    if told := too_large(database):
        raise BackupFailed(f"The log of the database is not copied. {told}")


def is_possible(spool: Spool, database: Path) -> bool:
    """Tell whether one can be taken. Where a chain goes on, it does so without one as well."""
    return has_room(spool, database) and not too_large(database)


def has_room(spool: Spool, database: Path) -> bool:
    """Tell whether the disk has room for a copy of the database and its archive."""
    return shutil.disk_usage(spool.root).free >= 3 * database.stat().st_size


def check_room(spool: Spool, database: Path) -> None:
    """See that a chain can be begun."""
    if not has_room(spool, database):
        raise BackupFailed("The disk has no room for a snapshot of the database, so its log is not copied.")


def take(spool: Spool, frozen: Frozen) -> int:
    """Copy a view of the database, write the copy into the spool and return its size there.

    The log is free again after the copy, which takes a moment; compressing it takes longer.
    """
    copy = spool.root / f"{frozen.part.chain}-{frozen.part.number}.copy"
    path = spool.path(frozen.part)
    try:
        with closing(frozen.connection), closing(sqlite3.connect(copy)) as target:
            frozen.connection.backup(target)
        write_snapshot(path, frozen.part, copy, page_size=frozen.page_size)
        return path.stat().st_size
    finally:
        copy.unlink(missing_ok=True)
