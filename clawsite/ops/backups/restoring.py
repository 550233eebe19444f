"""Restoring a backup: everything is checked in a scratch place first, then put in place in one step, then looked at.

Until the swap nothing is changed. What is replaced is kept. It works the same on an empty machine, where there is
nothing to keep.
"""

from __future__ import annotations

import logging
import os
import sqlite3
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import connections

from clawsite.ops.backups import swapping
from clawsite.ops.backups.about import About, is_older
from clawsite.ops.backups.answering import ask_health
from clawsite.ops.backups.contents import FILES
from clawsite.ops.backups.extraction import Extraction
from clawsite.ops.backups.identity import Identity, key_path
from clawsite.ops.backups.leaving import statements
from clawsite.ops.backups.migrating import manage
from clawsite.ops.backups.moments import go_to
from clawsite.ops.backups.quiet import held_still
from clawsite.ops.backups.sources import open_source
from clawsite.ops.backups.sqlite import live_path, objects
from clawsite.ops.backups.tar import Source
from clawsite.ops.backups.telling import tell_admins
from clawsite.ops.backups.verifying import clear_scratch, scratch_folder, verify

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class Restored:
    """What was restored. `kept` is the folder of what was replaced, `health` what /health says now.

    `moment` is what the database is of when it is not the backup's.
    """

    name: str
    about: About
    kept: Path
    health: dict[str, Any]
    told: int
    moment: datetime | None


def restore(source: str, *, identity: Identity, proven: bool = True, until: datetime | None = None) -> Restored:
    """Replace this installation by a backup; BadArchive or BackupFailed when it cannot be, with nothing changed.

    With `until` the database is as it was at that moment.
    """
    with held_still():
        name, opened = open_source(source)
        with opened as archive:
            about, kept, moment = _replace(archive, identity=identity, proven=proven, until=until)
        logger.warning("restored from backup %s; what was replaced is in %s", name, kept)
        if moment is not None or is_older(about):
            manage("migrate", "--verbosity", "0", env={})
        _keep_identity(identity)
        told = tell_admins(name, about.created_at if moment is None else moment.isoformat(timespec="seconds"))
        connections.close_all()
        return Restored(name=name, about=about, kept=kept, health=ask_health(), told=told, moment=moment)


def _replace(
    archive: Source, *, identity: Identity, proven: bool, until: datetime | None
) -> tuple[About, Path, datetime | None]:
    """Check everything in a scratch place, then put it in place.

    Returns what it was, where the old things are, and the moment of the database.
    """
    home = Path(settings.CLAW_HOME)
    if swapping.has_unfinished(home):
        swapping.finish(home)
    clear_scratch(home)
    with scratch_folder(home) as scratch:
        extraction = verify(archive, scratch, identity=identity, proven=proven)
        path, made_at = extraction.database, extraction.about.created_at
        moment = go_to(path, until, made_at=made_at, identity=identity, proven=proven) if until is not None else None
        _leave_behind(path)
        _stage(home, scratch, extraction)
    connections.close_all()
    _settle(live_path())
    return extraction.about, swapping.swap(home, database=live_path().name), moment


def _leave_behind(path: Path) -> None:
    """Remove from the database what belongs to the machine that it came from. Its schema is known to be ours."""
    with closing(sqlite3.connect(path)) as base:
        tables = {name for kind, name, _ in objects(base) if kind == "table"}
        for statement in statements(tables):
            base.execute(statement)
        base.commit()


def _stage(home: Path, scratch: Path, extraction: Extraction) -> None:
    """Lay everything new where the swap takes it from."""
    new = swapping.staging(home)
    for folder in (scratch / FILES, scratch / "keys"):
        for path in folder.iterdir() if folder.is_dir() else ():
            path.rename(new / path.name)
    extraction.database.rename(new / live_path().name)
    os.sync()


def _settle(path: Path) -> None:
    """Bring what is in the log of the database that is replaced into its file, so that the copy kept is whole."""
    if path.is_file():
        with suppress(sqlite3.Error), closing(sqlite3.connect(path)) as base:
            base.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def _keep_identity(identity: Identity) -> None:
    """Go on making backups for the same identity, where this machine has none of its own."""
    if settings.CLAW_BACKUP_RECIPIENT or key_path().exists():
        return
    descriptor = os.open(key_path(), os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(f"{identity}\n")
