"""All stores as one that is only read: what one of them lacks, or does not have whole any more, another may have."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing

from clawsite.core.errors import ClawError
from clawsite.ops.backups.errors import BackupFailed
from clawsite.ops.backups.stores import Given, Readable, Store, Stored

logger = logging.getLogger(__name__)


class Joined:
    """What several stores hold. A name stands for the same in all of them; the first one that has it whole gives it.

    `spoilt` counts by store what it has and did not give whole, while another one did.
    """

    def __init__(self, stores: Sequence[Store]) -> None:
        self._stores = stores
        self._places: dict[str, list[Store]] = {}
        self.spoilt: Counter[str] = Counter()

    def list(self, prefix: str = "") -> list[Stored]:
        """Return what is anywhere, by name; BackupFailed when a store does not answer: it may have the end of it."""
        found: dict[str, Stored] = {}
        for store in self._stores:
            for each in _list(store, prefix):
                places = self._places.setdefault(each.name, [])
                if store not in places:
                    places.append(store)
                found.setdefault(each.name, each)
        return sorted(found.values(), key=lambda each: each.name)

    def read(self, name: str, take: Callable[[Readable], object]) -> None:
        """Hand what a list told of to `take`, from one store after the other until it is whole.

        `take` raises BadArchive for what is damaged, and must then be ready to take all of it anew.
        """
        failed: dict[str, ClawError] = {}
        for store in self._places.get(name, ()):
            try:
                with closing(store.open(name)) as source:
                    take(Given(source, name))
            except ClawError as error:
                failed[store.label] = error
            else:
                return self._note(failed)
        raise _nowhere_whole(name, failed)

    def _note(self, failed: Mapping[str, ClawError]) -> None:
        for label, error in failed.items():
            if not self.spoilt[label]:
                logger.warning("Not all that is in %s is whole, another place is asked: %s", label, error.message)
            self.spoilt[label] += 1

    def tell_spoilt(self) -> Sequence[str]:
        """Return a sentence for each store that did not give all of what it has."""
        return [
            f"{label} did not give {count} of its files whole; another place did. Look at its disk or bucket."
            for label, count in self.spoilt.items()
        ]


def _nowhere_whole(name: str, failed: Mapping[str, ClawError]) -> ClawError:
    """Return what to raise: the kind of the first failure, with what each store has to say."""
    if not failed:
        return BackupFailed(f"There is no {name} in any store.")
    labels: dict[str, list[str]] = {}
    for label, error in failed.items():
        labels.setdefault(error.message, []).append(label)
    told = " ".join(f"{name} in {' and in '.join(places)}: {message}" for message, places in labels.items())
    return type(next(iter(failed.values())))(told)


def _list(store: Store, prefix: str) -> list[Stored]:
    try:
        return store.list(prefix)
    except BackupFailed as error:
        raise BackupFailed(
            f"{error.message} The log may go on there. To recover from the other places alone, leave this one out: "
            "run the same command with CLAW_BACKUP_S3 empty, or with another folder in CLAW_BACKUP_DIR."
        ) from error
