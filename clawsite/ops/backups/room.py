"""Whether the disk has room for a backup, asked before it is begun: a disk that is full stops more than the backup."""

from __future__ import annotations

import math
import os
from pathlib import Path

from django.conf import settings
from django.db import connection

from clawsite.models import Backup
from clawsite.ops.backups.contents import FOLDERS
from clawsite.ops.backups.errors import BackupFailed
from clawsite.ops.backups.stores import FolderStore

MEBIBYTE = 1024**2
# What has come since the last backup, and what a folder needs besides its files.
MORE = 1.2
_POSTGRESQL = "SELECT pg_database_size(current_database())"


def check_room(store: FolderStore) -> None:
    """Raise BackupFailed when there is less room than a backup needs while it is made and checked."""
    free = store.free_bytes()
    if free >= _known_bytes():
        return
    need = _measured_bytes()  # much may have been deleted since the last one
    if free < need:
        raise BackupFailed(
            f"{store.label} has {free // MEBIBYTE} MiB free, and a backup needs about {need // MEBIBYTE} MiB there "
            "while it is packed and restored for its check. Make room, or set CLAW_BACKUP_DIR to another disk."
        )


def _known_bytes() -> float:
    """Return what the last backup would need now: the archive, and all that is in it unpacked. inf: there is none."""
    done = Backup.objects.filter(state=Backup.State.VERIFIED).order_by("-id").first()
    if done is None or not done.counts.get("bytes"):
        return math.inf
    return float((done.size + done.counts["bytes"]) * MORE)


def _measured_bytes() -> int:
    """Return the same by looking at all there is, which takes a while where there are many files."""
    return 2 * (_database_bytes() + _files_bytes(Path(settings.CLAW_HOME)))


def _database_bytes() -> int:
    if settings.CLAW_ON_SQLITE:
        path = Path(connection.settings_dict["NAME"])
        return path.stat().st_size if path.is_file() else 0
    with connection.cursor() as cursor:
        cursor.execute(_POSTGRESQL)
        return int(cursor.fetchone()[0])


def _files_bytes(home: Path) -> int:
    size = 0
    for top in FOLDERS:
        for folder, _, names in os.walk(home / top):
            size += sum(_size(Path(folder, name)) for name in names)
    return size


def _size(path: Path) -> int:
    try:
        return path.lstat().st_size
    except FileNotFoundError:
        return 0
