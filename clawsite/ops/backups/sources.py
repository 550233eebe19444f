"""Where a backup to restore comes from: a file, a name in one of the stores, or the newest there is.

One that a place does not have whole any more is taken from another place that has it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

from django.utils import timezone

from clawsite.ops.backups.errors import BackupFailed, BadArchive
from clawsite.ops.backups.making import SUFFIX
from clawsite.ops.backups.places import all_stores
from clawsite.ops.backups.retention import time_of
from clawsite.ops.backups.status import SKEW
from clawsite.ops.backups.stores import Given, Store

logger = logging.getLogger(__name__)

LATEST = "latest"
T = TypeVar("T")


@dataclass(frozen=True, kw_only=True, slots=True)
class Opened:
    """A backup open for reading in a `with`; `place`: the label of its store, the folder of a file."""

    name: str
    place: str
    size: int
    archive: Any


def with_whole(text: str, work: Callable[[Opened], T]) -> T:
    """Do a work with a backup, from one place after the other until BadArchive is not raised; raise the first one."""
    found = open_source(text)
    try:
        return work(found)
    except BadArchive as error:
        for other in _open_others(found):
            logger.warning(
                "%s in %s is not whole, %s is asked: %s", found.name, found.place, other.place, error.message
            )
            with suppress(BadArchive):
                return work(other)
        raise


def _open_others(found: Opened) -> Iterator[Opened]:
    """Yield the same backup from the other places; one that does not answer has none."""
    for store in all_stores():
        with suppress(BackupFailed):
            if store.label != found.place and found.name in _names(store):
                yield _open(found.name, store)


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
    return _open(name, store)


def _open(name: str, store: Store) -> Opened:
    size = sum(each.size for each in store.list(name))
    return Opened(name=name, place=store.label, size=size, archive=closing(Given(store.open(name), name)))


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
