"""Whether this installation stands still: a restore under a running system would be undone by it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.conf import settings
from django.db import DatabaseError

from clawsite.core.models import Process
from clawsite.ops.backups.errors import BackupFailed
from clawsite.ops.home import HomeLock
from clawsite.ops.running import is_running

ORPHAN_SECONDS = 10.0


@contextmanager
def held_still() -> Iterator[None]:
    """Take the place of the supervisor and make sure that no role runs by itself; raise when one does."""
    lock = HomeLock(settings.RUN_DIR)
    try:
        lock.take(seconds=ORPHAN_SECONDS)
        check_still()
        yield
    finally:
        lock.release()


def check_still() -> None:
    """Raise BackupFailed when a role runs."""
    if running := _find_running():
        raise BackupFailed(f"clawsite still runs: {running}. Stop it first.")


def _find_running() -> str:
    """Return which roles run, or "". A database that cannot be read is a good reason to restore."""
    try:
        running = [row for row in Process.objects.all() if is_running(row)]
    except DatabaseError:
        return ""
    return ", ".join(sorted({f"{row.role} on {row.host}" for row in running}))
