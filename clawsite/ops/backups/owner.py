"""Whose backups a store keeps: one mark in it, so that two installations never remove each other's.

An installation is known by the moment at which its database was made, to the microsecond. That moment is in its
backups, so whoever is restored on another machine goes on with the same store. A store of what it replaces there is
handed over to it.
"""

from __future__ import annotations

import hashlib

import msgspec
from django.db import DatabaseError
from django.db.migrations.recorder import MigrationRecorder
from django.db.models import Min
from django.utils import timezone

from clawsite.core.process import host_name
from clawsite.ops.backups.errors import BackupFailed
from clawsite.ops.backups.stores import MARK, Store


class Owner(msgspec.Struct, frozen=True, kw_only=True):
    """What the mark says: a number of the installation, and where it was when it made the mark."""

    installation: str
    host: str = ""
    since: str = ""


def claim(store: Store, *, own: str = "") -> None:
    """Mark a store as this installation's; BackupFailed when it is another's. Costs one small read when it is ours.

    own: the number of this installation, from who knows it already.
    """
    own, text = own or find_installation(), store.read_mark()
    if text is None:
        return mark(store, own=own)
    try:
        owner = msgspec.json.decode(text, type=Owner)
    except msgspec.MsgspecError:
        raise BackupFailed(
            f"{MARK} in {store.label} cannot be read. If the backups there belong to this installation, remove it."
        ) from None
    if owner.installation != own:
        raise BackupFailed(
            f"{store.label} keeps the backups of another installation (on {owner.host} since {owner.since}). Give this "
            "one a place of its own with CLAW_BACKUP_DIR or CLAW_BACKUP_S3. "
            f"If that installation is gone, remove {MARK} there."
        )


def mark(store: Store, *, own: str = "") -> None:
    """Mark a store as this installation's, whosever it was."""
    since = timezone.now().isoformat(timespec="seconds")
    made = Owner(installation=own or find_installation(), host=host_name(), since=since)
    store.write_mark(msgspec.json.encode(made))


def is_ours(store: Store) -> bool:
    """Tell whether a store is marked as this installation's. Where no database can be read there is none."""
    try:
        text = store.read_mark()
        return text is not None and msgspec.json.decode(text, type=Owner).installation == find_installation()
    except (BackupFailed, DatabaseError, msgspec.MsgspecError):
        return False


def find_installation() -> str:
    """Return the number of this installation."""
    made = MigrationRecorder.Migration.objects.aggregate(first=Min("applied"))["first"]
    if made is None:
        raise BackupFailed("The database is empty: nothing was installed in it.")
    return hashlib.sha256(f"clawsite {made:%Y-%m-%dT%H:%M:%S.%f}".encode()).hexdigest()[:32]
