"""Putting restored files in the place of those that are there, so that a crash leaves either the old or the new ones.

Everything new lies ready in CLAW_HOME/restoring/new before a journal says what is to be moved. From then on there is no
way back: each move may be repeated, and whoever starts next finishes them. What was replaced stays in
CLAW_HOME/replaced-<time> until somebody deletes it.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import msgspec
from django.conf import settings
from django.utils import timezone

from clawsite.ops.backups.contents import FOLDERS, KEYS
from clawsite.ops.backups.engines import rename_databases
from clawsite.ops.backups.errors import BackupFailed
from clawsite.ops.backups.stores import publish

NAME = "restoring"
_JOURNAL = "journal.json"
# What belongs to a SQLite database while it is in use; it must never meet another one.
_BESIDE = ("-wal", "-shm")


class Journal(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """Names in CLAW_HOME: where what is replaced goes, what comes from `new`, and what only goes away.

    renamed: the restored, the live and the kept database of a server.
    """

    kept: str
    renamed: list[str]
    replaced: list[str]
    removed: list[str]


def staging(home: Path) -> Path:
    """Return an empty folder for what is to come, removing what an attempt that was given up has left."""
    if has_unfinished(home):
        raise BackupFailed(
            "A restore was interrupted in the middle. Start clawsite, which finishes it, or restore again."
        )
    shutil.rmtree(home / NAME, ignore_errors=True)
    new = home / NAME / "new"
    new.mkdir(mode=0o700, parents=True)
    return new


def has_unfinished(home: Path) -> bool:
    """Tell whether moves were begun and not finished."""
    return (home / NAME / _JOURNAL).is_file()


def kept_name() -> str:
    """Return a name for what is replaced."""
    return f"replaced-{timezone.now():%Y%m%dT%H%M%SZ}"


def swap(home: Path, *, kept: str, database: str = "", renamed: list[str] | None = None) -> Path:
    """Move everything in `new` to its place; return the folder `kept` of what was replaced.

    The database is a file of this name, or a change of names of a server's databases. When those names cannot be
    changed nothing was, and the journal goes again.
    """
    new = home / NAME / "new"
    found = {path.name for path in new.iterdir()}
    journal = Journal(
        kept=kept,
        renamed=renamed or [],
        replaced=[name for name in (*KEYS, database, *FOLDERS) if name in found],
        removed=[name for name in FOLDERS if name not in found],
    )
    draft = home / NAME / "journal.draft"
    draft.write_bytes(msgspec.json.encode(journal))
    _sync(draft)
    publish(draft, home / NAME / _JOURNAL)
    try:
        rename_databases(journal.renamed)
    except BackupFailed:
        (home / NAME / _JOURNAL).unlink()
        raise
    return finish(home)


def finish(home: Path) -> Path:
    """Do the moves of the journal that are not done yet; return the folder of what was replaced."""
    place = home / NAME
    journal = msgspec.json.decode((place / _JOURNAL).read_bytes(), type=Journal)
    rename_databases(journal.renamed)
    old, kept = place / "old", home / journal.kept
    if not kept.exists():
        _move_all(home, journal, old)
        old.replace(kept)
    shutil.rmtree(place)
    return kept


def _move_all(home: Path, journal: Journal, old: Path) -> None:
    place = home / NAME
    old.mkdir(mode=0o700, exist_ok=True)
    for name in journal.replaced:
        if (place / "new" / name).exists():
            _replace(home / name, new=place / "new" / name, old=old)
    for name in journal.removed:
        if (home / name).exists() and not (old / name).exists():
            (home / name).rename(old / name)


def finish_restore() -> None:
    """Finish a restore that was interrupted in the middle of its moves; BackupFailed when this process is too old.

    The key that signs logins is read once, when a process starts: if it was replaced only now, all must start anew.
    """
    home = Path(settings.CLAW_HOME)
    if not has_unfinished(home):
        return
    late = (home / NAME / "new" / "secret.key").exists()
    finish(home)
    if late:
        raise BackupFailed("A restore that was interrupted is finished now. Start clawsite again.")


def _replace(live: Path, *, new: Path, old: Path) -> None:
    kept = old / live.name
    if live.is_dir() or (live.is_symlink() and not live.exists()):  # a link to a disk that is away
        # A folder may have been made anew by a command between a crash and now.
        live.rename(kept if not os.path.lexists(kept) else old / f"{live.name}.later")
    elif live.is_file():
        if not kept.exists():
            _link(live, kept)
        for ending in _BESIDE:
            beside = live.with_name(live.name + ending)
            if beside.exists():
                beside.replace(old / beside.name)
    publish(new, live)


def _link(path: Path, second: Path) -> None:
    """Give a file a second name, so that it is never absent; copy it where a disk knows no such thing."""
    try:
        os.link(path, second)
    except OSError:
        shutil.copy2(path, second)


def _sync(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())
