"""Where a backup to restore comes from: a file, a name in one of the stores, or the newest there is."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from django.utils import timezone

from clawsite.ops.backups.errors import BackupFailed
from clawsite.ops.backups.making import SUFFIX
from clawsite.ops.backups.places import all_stores
from clawsite.ops.backups.retention import time_of
from clawsite.ops.backups.status import SKEW
from clawsite.ops.backups.stores import Store

LATEST = "latest"


@dataclass(frozen=True, kw_only=True, slots=True)
class Opened:
    """A backup open for reading in a `with`; `place`: the label of its store, the folder of a file."""

    name: str
    place: str
    size: int
    archive: Any


def open_source(text: str) -> Opened:
    """Return a backup, open; BackupFailed when there is none, or when nobody can tell which one is the newest."""
    path = Path(text).expanduser()
    if path.is_file():
        size = path.stat().st_size
        return Opened(name=path.name, place=str(path.absolute().parent), size=size, archive=path.open("rb"))
    name, store = _find_newest() if text == LATEST else _find_named(text)
    if store is None:
        raise BackupFailed(
            f"There is no backup {text[:200]!r}: give a file, a name as in the list of backups, or {LATEST}."
        )
    size = sum(each.size for each in store.list(name))
    return Opened(name=name, place=store.label, size=size, archive=closing(store.open(name)))


def _find_named(name: str) -> tuple[str, Store | None]:
    """Return the first store that has it, whatever is wrong with the others."""
    failed: BackupFailed | None = None
    for store in all_stores():
        try:
            if name in _names(store):
                return name, store
        except BackupFailed as error:
            failed = error
    if failed is not None:
        raise failed
    return name, None


def _find_newest() -> tuple[str, Store | None]:
    """Return the newest backup of all stores, and the first of them that has it."""
    kept: dict[str, Store] = {}
    now = timezone.now()
    for store in all_stores():
        try:
            names = _names(store)
        except BackupFailed as error:
            known = find_latest(kept, now=now)
            if not known:
                raise
            raise BackupFailed(
                f"{error.message} So the newest backup is not known. The newest of {kept[known].label} is {known}: "
                "give that name to restore it."
            ) from error
        kept = dict.fromkeys(names, store) | kept
    name = find_latest(kept, now=now)
    return name, kept.get(name)


def _names(store: Store) -> list[str]:
    return [each.name for each in store.list("clawsite-") if each.name.endswith(SUFFIX)]


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
