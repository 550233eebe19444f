"""Copies of backups elsewhere: whatever a store does not have yet is brought there, and read back.

So a copy that was interrupted, or a store that was away for days, is caught up with by the next backup.
"""

from __future__ import annotations

import hashlib
from contextlib import closing

from django.utils import timezone

from clawsite.core.services import note_failure, note_success
from clawsite.models import Backup
from clawsite.ops.backups.errors import BackupFailed
from clawsite.ops.backups.making import Note, nothing
from clawsite.ops.backups.owner import claim
from clawsite.ops.backups.places import remote_stores
from clawsite.ops.backups.retention import forget_expired
from clawsite.ops.backups.stores import Check, FolderStore, Store, local_store

CHUNK = 1024 * 1024
SERVICE = "backup store"


def copy_away(*, check: Check = nothing, note: Note = lambda text: None) -> list[str]:
    """Bring every backup that is here and verified to every other store; return the names that were brought.

    BackupFailed says which store did not take one, or gives it back changed; the row of the newest one says so, too.
    """
    found = []
    for store in remote_stores():
        try:
            found += _catch_up(store, check, note)
        except BackupFailed as error:
            note_failure(SERVICE, store.label, error=error.message)
            _note(error.message)
            raise
        note_success(SERVICE, store.label)
        _note("")
    return found


def _note(error: str) -> None:
    """Write at the newest backup why it is not everywhere, or that it is."""
    newest = [row.pk for row in _ours(local_store())[:1]]
    Backup.objects.filter(pk__in=newest).update(error=error[:500])


def _catch_up(store: Store, check: Check, note: Note) -> list[str]:
    """Bring to one store what it lacks, and remove what is over its time."""
    found = []
    there = {each.name for each in store.list("clawsite-")}
    claim(store)
    for row in _ours(local_store()):
        if row.name not in there:
            note(f"It is copied to {store.label}.")
            copy_one(row, store, check=check)
            found.append(row.name)
    forget_expired(store, now=timezone.now())
    return found


def copy_one(row: Backup, store: Store, *, check: Check = nothing) -> None:
    """Bring one backup to a store, read it back, and note that it is there."""
    store.put(row.name, local_store().root / row.name, check=check)
    if _hash(store, row.name, check) != row.sha256:
        store.delete(row.name)
        raise BackupFailed(f"{store.label} gives back something else than it was given.")
    row.places = [*(place for place in row.places if place != store.label), store.label]
    row.error = ""
    row.save(update_fields=["places", "error"])


def _ours(store: FolderStore) -> list[Backup]:
    """Return the backups that lie here, the newest first: it is the one that matters most."""
    names = [each.name for each in store.list("clawsite-")]
    return list(Backup.objects.filter(name__in=names, state=Backup.State.VERIFIED).order_by("-id"))


def _hash(store: Store, name: str, check: Check) -> str:
    digest = hashlib.sha256()
    with closing(store.open(name)) as file:
        while data := file.read(CHUNK):
            check()
            digest.update(data)
    return digest.hexdigest()
