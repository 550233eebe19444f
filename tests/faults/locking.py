"""A database that somebody else keeps locked, as a backup by hand or a long migration does."""

from __future__ import annotations

import time
from dataclasses import dataclass

from tests.faults.bystander import Bystander
from tests.faults.site import Site
from tests.faults.stack import wait_for
from tests.fixtures.reached import Figure

RESUME_SECONDS = 5.0
MOST_P99 = 1.0
STORED = "SELECT count(*) FROM sessions_app_inbox"


@dataclass(frozen=True, kw_only=True)
class Locked:
    """How long the database was locked, how soon afterwards something was taken in, and how sockets fared meanwhile."""

    seconds: float
    resumed: float
    p99: float

    def figures(self) -> list[Figure]:
        """Return what is to be told of it."""
        return [
            Figure("taken in again after", self.resumed, "s", RESUME_SECONDS),
            Figure("99 % of a socket's pings within", self.p99, "s", MOST_P99),
            Figure("lost", 0),
            Figure("sent twice", 0),
        ]


def lock_out(site: Site, *, seconds: float) -> Locked:
    """Lock everybody out while people write: nothing is acknowledged, all is answered once, sockets do not notice."""
    wait_for(lambda: site.store.waiting() == 0, timeout=60, what="nothing waits")
    before = site.store.value(STORED)
    with Bystander(site.stack) as bystander:
        with site.store.locked():
            end = time.monotonic() + seconds
            site.people.write(each=3)
            wait_for(lambda: time.monotonic() >= end, timeout=seconds + 1, what="the lock has lasted")
            assert site.stack.get("/healthz") == 200
            assert len(site.telegram.pending_updates()) >= 3 * len(site.people.chats)
        freed = time.monotonic()
        wait_for(lambda: site.store.value(STORED) > before, timeout=RESUME_SECONDS, what="something is taken in")
        resumed = time.monotonic() - freed
    site.people.wait_answered(timeout=60)
    wait_for(lambda: site.store.waiting() == 0, timeout=60, what="nothing waits")
    site.people.check()
    assert bystander.p99() < MOST_P99
    return Locked(seconds=seconds, resumed=resumed, p99=bystander.p99())
