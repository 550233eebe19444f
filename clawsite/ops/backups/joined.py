"""All stores as one that is only read: a part that one of them lacks, another may have."""

from __future__ import annotations

from collections.abc import Sequence

from clawsite.ops.backups.errors import BackupFailed
from clawsite.ops.backups.stores import Library, Readable, Stored


class Joined:
    """What several stores hold. A name stands for the same in all of them; the first one that has it gives it."""

    def __init__(self, stores: Sequence[Library]) -> None:
        self._stores = stores
        self._places: dict[str, Library] = {}

    def list(self, prefix: str = "") -> list[Stored]:
        """Return what is anywhere, by name; BackupFailed when a store does not answer: it may have the end of it."""
        found: dict[str, Stored] = {}
        for store in self._stores:
            for each in _list(store, prefix):
                self._places.setdefault(each.name, store)
                found.setdefault(each.name, each)
        return sorted(found.values(), key=lambda each: each.name)

    def open(self, name: str) -> Readable:
        """Return what a list told of."""
        if name not in self._places:
            raise BackupFailed(f"There is no {name} in any store.")
        return self._places[name].open(name)


def _list(store: Library, prefix: str) -> list[Stored]:
    try:
        return store.list(prefix)
    except BackupFailed as error:
        raise BackupFailed(
            f"{error.message} The log may go on there. To recover from the other places alone, leave this one out: "
            "run the same command with CLAW_BACKUP_S3 empty, or with another folder in CLAW_BACKUP_DIR."
        ) from error
