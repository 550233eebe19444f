"""Making a backup: snapshot, archive, check, retention. One at a time on a machine.

It is safe to be killed anywhere: what is not whole lies in a scratch folder, and whoever makes the next backup removes
it.
"""

from __future__ import annotations

import logging
import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

from django.conf import settings
from django.utils import timezone

from clawsite.core.errors import ClawError, log_unknown
from clawsite.core.filelocks import try_lock
from clawsite.core.process import host_name
from clawsite.models import Backup
from clawsite.ops.backups.archive import Archive
from clawsite.ops.backups.contents import show_name
from clawsite.ops.backups.engines import put_away, take_snapshot
from clawsite.ops.backups.errors import BackupFailed, BadArchive
from clawsite.ops.backups.fitting import check_fits
from clawsite.ops.backups.identity import Identity, new_identity, own_identity, own_recipient
from clawsite.ops.backups.owner import claim
from clawsite.ops.backups.packing import Packed, pack
from clawsite.ops.backups.retention import forget_expired
from clawsite.ops.backups.room import check_room
from clawsite.ops.backups.scratch import clear_scratch, scratch_folder
from clawsite.ops.backups.stores import Check, FolderStore, local_store, publish
from clawsite.ops.backups.verifying import verify

logger = logging.getLogger(__name__)

SUFFIX = ".tar.zst.age"
ABANDONED = timedelta(days=1)
SHOWN_LEFT_OUT = 100
State = Backup.State

Note = Callable[[str], object]


def nothing() -> None:
    """Stand for a check that nobody asked for."""


def make_backup(*, reason: str, check: Check = nothing, note: Note = logger.debug) -> Backup:
    """Make, check and keep a backup; return its row. BackupFailed says why not, and the row does, too.

    `check` is called often and may raise to stop it; `note` hears of each step.
    """
    store = local_store()
    with _alone(store):
        row = Backup.objects.create(name=_new_name(), reason=reason[:64], host=host_name())
        with _noting_failure(row):
            claim(store)
            forget_expired(store, now=timezone.now())
            check_room(store)
            check_fits(Path(settings.CLAW_HOME), check=check)
            _make(row, store, check, note)
            forget_expired(store, now=timezone.now())
    return row


def _make(row: Backup, store: FolderStore, check: Check, note: Note) -> None:
    """Write the archive, then restore it into a scratch place while the identity for that is known."""
    identity = own_identity()
    witness = identity or new_identity()
    note("The database is copied, and everything is packed.")
    with scratch_folder(store.root) as scratch:
        packed, archive = _write(row, store, scratch, identity=identity, witness=witness, check=check)
    row.size, row.sha256, row.places, row.state = packed.size, packed.sha256, [store.label], State.STORED
    row.counts = {
        "tables": archive.about.counts,
        "files": archive.ledger.members,
        "bytes": archive.ledger.bytes,
        "left out": [show_name(name) for name in archive.walk.left_out[:SHOWN_LEFT_OUT]],
        "changed": [show_name(name) for name in archive.changed[:SHOWN_LEFT_OUT]],
    }
    row.save()
    try:
        note("It is read back and restored into a scratch place.")
        with scratch_folder(store.root) as scratch, store.open(row.name) as source:
            verify(source, scratch, identity=witness, proven=identity is not None)
    except BaseException as error:
        if isinstance(error, BadArchive) or _has_verified(store):
            row.places = []
            store.delete(row.name)  # what was not restored must not fill the disk, or stand in the place of a good one
        raise
    row.state, row.verified_at, row.ended_at = State.VERIFIED, timezone.now(), timezone.now()
    row.save()
    logger.info("backup %s is verified: %d bytes, %d files", row.name, row.size, archive.ledger.members)


def _write(
    row: Backup, store: FolderStore, scratch: Path, *, identity: Identity | None, witness: Identity, check: Check
) -> tuple[Packed, Archive]:
    snapshot = take_snapshot(scratch)
    archive = Archive(Path(settings.CLAW_HOME), snapshot, name=row.name, identity=identity, check=check)
    recipients = [own_recipient()] if identity is not None else [own_recipient(), witness.to_public()]
    draft = scratch / row.name
    with draft.open("xb") as file:
        os.fchmod(file.fileno(), 0o600)
        packed = pack(archive.chunks(), file, recipients)
        os.fsync(file.fileno())
    publish(draft, store.root / row.name)
    return packed, archive


@contextmanager
def _noting_failure(row: Backup) -> Iterator[None]:
    """Write down why a backup did not succeed; an error that we do not know becomes one with an id."""
    try:
        yield
    except BaseException as error:
        row.state, row.ended_at = State.FAILED, timezone.now()
        row.error = _say(error)[:500]
        row.save()
        if isinstance(error, ClawError) or not isinstance(error, Exception):
            raise
        raise BackupFailed(row.error) from error


def _say(error: BaseException) -> str:
    if isinstance(error, ClawError):
        return error.message
    if isinstance(error, OSError):
        return f"The disk does not take or give the data: {error.strerror}."
    if isinstance(error, Exception):
        return f"Internal error {log_unknown(error, where='a backup')}."
    return "It was stopped."


@contextmanager
def _alone(store: FolderStore) -> Iterator[None]:
    """Let one process of this machine make backups, and put away what killed ones have left."""
    try:
        store.root.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = (store.root / ".lock").open("w")
    except OSError as error:
        raise BackupFailed(f"{store.label} cannot be written: {error.strerror}.") from error
    with lock:
        if not try_lock(lock.fileno()):
            raise BackupFailed("Another backup is being made on this machine.", retryable=True)
        _put_away(store)
        yield


def _put_away(store: FolderStore) -> None:
    clear_scratch(store.root)
    put_away()
    unfinished = Backup.objects.filter(state__in=[State.RUNNING, State.STORED])
    if _has_verified(store):
        for name in unfinished.filter(host=host_name()).values_list("name", flat=True):
            store.delete(name)
    ours = unfinished.filter(host=host_name()) | unfinished.filter(started_at__lt=timezone.now() - ABANDONED)
    ours.update(state=State.FAILED, error="It was interrupted.", ended_at=timezone.now())


def _has_verified(store: FolderStore) -> bool:
    """Tell whether there is a better backup than one that was not checked."""
    names = [each.name for each in store.list("clawsite-")]
    return Backup.objects.filter(name__in=names, state=State.VERIFIED).exists()


def _new_name() -> str:
    return f"clawsite-{timezone.now():%Y%m%dT%H%M%SZ}-{secrets.token_hex(3)}{SUFFIX}"
