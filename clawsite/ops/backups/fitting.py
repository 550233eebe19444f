"""Whether everything fits into a backup: each file is counted as the backup will, and none of them is read."""

from __future__ import annotations

from pathlib import Path

from clawsite.ops.backups.bounds import DATABASE, Bounds, Count
from clawsite.ops.backups.contents import Walk
from clawsite.ops.backups.engines import database_file
from clawsite.ops.backups.errors import BackupFailed
from clawsite.ops.backups.excess import find_excess
from clawsite.ops.backups.stores import Check
from clawsite.ops.backups.tar import Member


def check_fits(home: Path, *, check: Check) -> None:
    """Raise BackupFailed when there is more than a backup may hold, which would be found after copying all of it.

    `check` is called for each folder and may raise to stop it.
    """
    if told := find_excess():
        raise BackupFailed(told)
    count, database = Count(Bounds.of_settings()), database_file()
    if database is not None:
        count.check_written(Member(name=DATABASE, size=database.stat().st_size))
    for member, file in Walk(home=home).members():
        if file is None:
            check()
        count.check_written(member)
