"""Whose backups a store keeps: one mark in it, so that two installations never remove each other's.

An installation is known by the moment at which its database was made, to the microsecond. That moment is in its
backups, so whoever is restored on another machine goes on with the same store.
"""

from __future__ import annotations

import hashlib

import msgspec
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


def claim(store: Store) -> None:
    """Mark a store as this installation's; BackupFailed when it is another's. Costs one small read when it is ours."""
    own, text = find_installation(), store.read_mark()
    if text is None:
        mark = Owner(installation=own, host=host_name(), since=timezone.now().isoformat(timespec="seconds"))
        store.write_mark(msgspec.json.encode(mark))
        return
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


def find_installation() -> str:
    """Return the number of this installation."""
    made = MigrationRecorder.Migration.objects.aggregate(first=Min("applied"))["first"]
    return hashlib.sha256(f"clawsite {made:%Y-%m-%dT%H:%M:%S.%f}".encode()).hexdigest()[:32]
