"""Restoring a backup: everything is checked in a scratch place first, then put in place in one step, then looked at.

Until the swap nothing is changed. What is replaced is kept. It works the same on an empty machine, where there is
nothing to keep.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from contextlib import suppress
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
from clawsite.ops.backups.engines import check_recovered, database_file, find_renaming, leave_behind, put_away
from clawsite.ops.backups.errors import BackupFailed
from clawsite.ops.backups.extraction import Extraction
from clawsite.ops.backups.identity import Identity, key_path, write_key
from clawsite.ops.backups.migrating import manage
from clawsite.ops.backups.moments import Reached, go_to
from clawsite.ops.backups.owner import is_ours, mark
from clawsite.ops.backups.quiet import check_still, held_still
from clawsite.ops.backups.restored import note_restored
from clawsite.ops.backups.scratch import clear_scratch, scratch_folder
from clawsite.ops.backups.sources import Opened, with_whole
from clawsite.ops.backups.sqlite import settle
from clawsite.ops.backups.stores import local_store
from clawsite.ops.backups.tar import Source
from clawsite.ops.backups.telling import tell_admins
from clawsite.ops.backups.verifying import verify

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class Replaced:
    """What was put in place. `reached` is what the database is of when it is not the backup's.

    What was replaced is in the folder `kept` and, of a server, in the database `kept_database`.
    """

    about: About
    kept: Path
    kept_database: str
    reached: Reached | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Restored:
    """What was restored, and the place it was taken from.

    `health` is what /health says now, `told` in how many chats admins will hear of it.
    """

    name: str
    place: str
    replaced: Replaced
    health: dict[str, Any]
    told: int


Agree = Callable[[About], object]


def willing(about: About) -> None:
    """Stand for a person who agreed before."""


def restore(
    source: str, *, identity: Identity, proven: bool = True, until: datetime | None = None, agree: Agree = willing
) -> Restored:
    """Replace this installation by a backup; BadArchive or BackupFailed when it cannot be, with nothing changed.

    With `until` the database is as it was at that moment. `agree` is called when all was checked and nothing is changed
    yet, and may raise to leave it so.
    """
    with held_still():
        was_ours = is_ours(local_store())

        def attempt(opened: Opened) -> tuple[Opened, Replaced]:
            with opened.archive as archive:
                return opened, _replace(archive, identity=identity, proven=proven, until=until, agree=agree)

        found, done = with_whole(source, attempt)
        name = found.name
        logger.warning("restored from backup %s of %s; what was replaced is in %s", name, found.place, done.kept)
        if done.reached is not None or is_older(done.about):
            manage("migrate", "--verbosity", "0", env={})
        _keep_identity(identity)
        if was_ours:  # what is replaced made its backups there, and makes no more
            with suppress(BackupFailed):
                mark(local_store())
        note_restored(name, place=found.place, size=found.size, about=done.about)
        moment = done.reached.moment.isoformat(timespec="seconds") if done.reached else done.about.created_at
        told = tell_admins(name, moment)
        connections.close_all()
        return Restored(name=name, place=found.place, replaced=done, health=ask_health(), told=told)


def _replace(archive: Source, *, identity: Identity, proven: bool, until: datetime | None, agree: Agree) -> Replaced:
    """Check everything in a scratch place, then put it in place."""
    home = Path(settings.CLAW_HOME)
    if swapping.has_unfinished(home):
        swapping.finish(home)
    clear_scratch(home)
    reached: Reached | None = None
    with scratch_folder(home) as scratch:
        extraction = verify(archive, scratch, identity=identity, proven=proven, keep=True)
        path, about = extraction.database, extraction.about
        try:
            if until is not None:
                reached = go_to(path, until, made_at=about.created_at, identity=identity, proven=proven)
                check_recovered(path, about)
            agree(about)
            check_still()  # a person may have taken hours to agree
            leave_behind(extraction)
            _stage(home, scratch, extraction)
            connections.close_all()
            kept, database = _swap(home, extraction)
        except BaseException:
            put_away(extraction.restored_as)
            raise
    return Replaced(about=about, kept=kept, kept_database=database, reached=reached)


def _stage(home: Path, scratch: Path, extraction: Extraction) -> None:
    """Lay everything new where the swap takes it from."""
    new = swapping.staging(home)
    files = scratch / FILES
    for path in files.iterdir() if files.is_dir() else ():
        path.rename(new / path.name)
    for name, key in extraction.keys.items():
        write_key(new / name, key)
    if live := database_file():
        extraction.database.rename(new / live.name)
    os.sync()


def _swap(home: Path, extraction: Extraction) -> tuple[Path, str]:
    kept = swapping.kept_name()
    renamed = find_renaming(extraction, kept)
    live = database_file()
    if live is not None:
        settle(live)
    folder = swapping.swap(home, kept=kept, database=live.name if live else "", renamed=renamed)
    return folder, renamed[-1] if renamed else ""


def _keep_identity(identity: Identity) -> None:
    """Go on making backups for the same identity, where this machine has none of its own."""
    if settings.CLAW_BACKUP_RECIPIENT or key_path().exists():
        return
    write_key(key_path(), f"{identity}\n".encode("ascii"))
