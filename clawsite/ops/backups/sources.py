"""Where a backup to restore comes from: a file, a name in one of the stores, or the newest there is."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any

from django.utils import timezone

from clawsite.ops.backups.errors import BackupFailed
from clawsite.ops.backups.making import SUFFIX
from clawsite.ops.backups.places import all_stores
from clawsite.ops.backups.retention import time_of
from clawsite.ops.backups.status import SKEW

LATEST = "latest"


def open_source(text: str) -> tuple[str, Any]:
    """Return the name of a backup, and it open for reading in a `with`; BackupFailed when there is none."""
    path = Path(text).expanduser()
    if path.is_file():
        return path.name, path.open("rb")
    for store in all_stores():
        names = [each.name for each in store.list("clawsite-") if each.name.endswith(SUFFIX)]
        wanted = find_latest(names, now=timezone.now()) if text == LATEST else text
        if wanted in names:
            return wanted, closing(store.open(wanted))
    raise BackupFailed(
        f"There is no backup {text[:200]!r}: give a file, a name as in the list of backups, or {LATEST}."
    )


def find_latest(names: Iterable[str], *, now: datetime) -> str:
    """Return the newest backup by its name, "" when there is none; BackupFailed when a clock was wrong.

    A backup of the future was made while that machine's clock was ahead, or this one's is behind: which one is the
    newest, nobody can tell.
    """
    newest = sorted(names, reverse=True)
    ahead = [name for name in newest if (time_of(name) or now) > now + SKEW]
    if not ahead:
        return newest[0] if newest else ""
    others = [name for name in newest if name not in ahead][:1]
    raise BackupFailed(
        f"{ahead[0]} is from the future; here it is {now:%Y-%m-%d %H:%M} UTC. A clock was wrong, there or here. Give "
        f"the name of the one to restore: {' or '.join([*ahead[:3], *others])}."
    )
