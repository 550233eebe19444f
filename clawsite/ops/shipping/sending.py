"""Brings what is in the spool to every store, in its order, and removes there what no recovery needs any more."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from contextlib import suppress

from clawsite.core.errors import ClawError
from clawsite.ops.backups.stores import Listing, Store
from clawsite.ops.shipping.ages import ages
from clawsite.ops.shipping.names import PREFIX, Part, as_they_came, find_part
from clawsite.ops.shipping.spool import SPOOL_BYTES, Spool, burden, newest_snapshot
from clawsite.ops.shipping.takers import Takers

# Two parts are seconds apart while the log is copied, for processes beat in the database.
APART = 600_000
# So much may wait for stores that are away while another one takes it: copying to that one must not end.
MOST_BYTES = SPOOL_BYTES // 2

Claim = Callable[[Store], None]


def trust(store: Store) -> None:
    """Take a store for ours."""


def with_all(stores: Sequence[Store], work: Callable[[Store], None]) -> None:
    """Do a work with every store; what one of them raised is raised when all had their turn."""
    failed: ClawError | None = None
    for store in stores:
        try:
            work(store)
        except ClawError as error:
            failed = error
    if failed is not None:
        raise failed


class Sender:
    """Brings parts to all stores. What one of them does not take waits, and the others get it all the same.

    `claim` raises for a store that is another installation's; a store is asked for when it is used first.
    """

    def __init__(self, spool: Spool, stores: Sequence[Store], *, claim: Claim = trust) -> None:
        self._spool = spool
        self._stores = stores
        self._claim = claim
        self._ours: set[str] = set()
        self._takers: Takers[Part] = Takers(stores)
        # The last call of a process may come while a thread is at the one before.
        self._turn = threading.Lock()

    def send(self) -> int:
        """Store what waits, oldest first, and return how many parts all stores have now.

        Raises what a store raised. A part that was sent when the process died is sent again: that changes nothing.
        """
        with self._turn:
            return self._send()

    def _send(self) -> int:
        parts = self._spool.ready()
        try:
            with_all(self._stores, lambda store: self._fill(store, parts))
        finally:
            everywhere = self._takers.everywhere(parts)
            waiting = [part for part in parts if part not in everywhere]
            kept = newest_snapshot(waiting)
            sizes = ((part, part.size) for part in waiting if part != kept)
            for part in (*everywhere, *self._takers.spare(sizes, burden(waiting) - MOST_BYTES)):
                self._spool.remove(part)
                self._takers.forget(part)
        return len(everywhere)

    def _fill(self, store: Store, parts: Sequence[Part]) -> None:
        if store.label not in self._ours:
            self._claim(store)
            self._ours.add(store.label)
        for part in self._takers.lacks(store, parts):
            store.put(part.name, self._spool.path(part))
            self._takers.note(store, part)
        self._takers.note_all(store)


def stored(store: Listing) -> list[Part]:
    """Return all parts in a store."""
    found = (find_part(each.name, size=each.size) for each in store.list(PREFIX))
    return sorted(part for part in found if part is not None)


def known(stores: Sequence[Store]) -> list[Part]:
    """Return the parts of all stores. One that does not answer tells nothing."""
    found: set[Part] = set()
    for store in stores:
        with suppress(ClawError):
            found.update(stored(store))
    return sorted(found)


def newest_chain(parts: Sequence[Part]) -> str:
    """Return the newest chain of these parts, "" when there is none."""
    return parts[-1].chain if parts else ""


def forget(store: Store, *, keep: int) -> int:
    """Remove what is not needed to recover any moment of the last so many milliseconds; return how many parts.

    That is all but the newest snapshot that is older, and what follows it.
    """
    parts = as_they_came(stored(store))
    behind = ages([part.moment for part in parts], most=APART)
    old = [part for part, age in zip(parts, behind, strict=True) if part.kind == "snap" and age >= keep]
    if not old:
        return 0
    gone = [part for part in parts if _is_older(part, old[-1])]
    for part in gone:
        store.delete(part.name)
    return len(gone)


def _is_older(part: Part, keep: Part) -> bool:
    """Tell whether a part leads only to moments before a snapshot."""
    if part.chain != keep.chain:
        return part.chain < keep.chain
    return part.number <= keep.number if part.kind == "seg" else part < keep
