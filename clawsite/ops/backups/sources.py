"""Where a backup to restore comes from: a file, a name in one of the stores, or the newest there is."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Any

from clawsite.ops.backups.errors import BackupFailed
from clawsite.ops.backups.making import SUFFIX
from clawsite.ops.backups.places import all_stores

LATEST = "latest"


def open_source(text: str) -> tuple[str, Any]:
    """Return the name of a backup, and it open for reading in a `with`; BackupFailed when there is none."""
    path = Path(text).expanduser()
    if path.is_file():
        return path.name, path.open("rb")
    for store in all_stores():
        names = [each.name for each in store.list("clawsite-") if each.name.endswith(SUFFIX)]
        wanted = max(names, default="") if text == LATEST else text
        if wanted in names:
            return wanted, closing(store.open(wanted))
    raise BackupFailed(
        f"There is no backup {text[:200]!r}: give a file, a name as in the list of backups, or {LATEST}."
    )
