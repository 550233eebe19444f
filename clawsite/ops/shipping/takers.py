"""Which stores have taken what of all that waits, and what need not wait any longer."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from typing import Generic, TypeVar

from clawsite.ops.backups.stores import Store

logger = logging.getLogger(__name__)

Waits = TypeVar("Waits")


class Takers(Generic[Waits]):
    """The stores that all get the same, each at its own pace. What all have may go where it waits."""

    def __init__(self, stores: Sequence[Store]) -> None:
        self._taken: dict[str, set[Waits]] = {store.label: set() for store in stores}
        self._told: set[str] = set()

    def lacks(self, store: Store, waiting: Iterable[Waits]) -> list[Waits]:
        """Return what a store has not taken yet."""
        return [each for each in waiting if each not in self._taken[store.label]]

    def note(self, store: Store, taken: Waits) -> None:
        """Know that a store has it."""
        self._taken[store.label].add(taken)

    def everywhere(self, waiting: Iterable[Waits]) -> list[Waits]:
        """Return what all stores have."""
        return [each for each in waiting if all(each in taken for taken in self._taken.values())]

    def forget(self, gone: Waits) -> None:
        """Know that it waits no more."""
        for taken in self._taken.values():
            taken.discard(gone)

    def spare(self, waiting: Iterable[tuple[Waits, int]], excess: int) -> list[Waits]:
        """Return the oldest of what waits, with its size, that one store has and that make up so many bytes.

        A recovery reads all stores together, so that nothing is lost; what lacks some leads to moments by itself again
        from its next snapshot or base backup on. That is said once of each store until it lacks nothing.
        """
        spared = []
        for each, size in waiting:
            if excess > 0 and any(each in taken for taken in self._taken.values()):
                spared.append(each)
                excess -= size
        away = {label for label, taken in self._taken.items() if not taken.issuperset(spared)}
        for label in sorted(away - self._told):
            logger.warning("So much of the database's log waits for %s that it will not get all of it.", label)
        self._told |= away
        return spared

    def note_all(self, store: Store) -> None:
        """Know that a store has taken all that waits for it."""
        self._told.discard(store.label)
