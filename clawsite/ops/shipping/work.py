"""The copying of the log as the worker runs it: collect, send, take snapshots, forget. Each goes its own way.

A store that does not answer holds nothing up: the spool keeps what waits. When the spool cannot take more, or the disk
is full, the log is let go, so that SQLite can begin it anew; then a chain begins anew, too.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from django.conf import settings

from clawsite.core.db import run_db
from clawsite.core.errors import ClawError, log_unknown
from clawsite.core.jitter import jitter
from clawsite.ops.backups.owner import claim, find_installation
from clawsite.ops.backups.places import all_stores, quick_stores
from clawsite.ops.backups.stores import Store
from clawsite.ops.shipping import snapshots
from clawsite.ops.shipping.collecting import Collector, Frozen
from clawsite.ops.shipping.errors import Gap, Unknown, Unsettled
from clawsite.ops.shipping.sending import Claim, Sender, forget, known, newest_chain, trust, with_all
from clawsite.ops.shipping.spool import Spool

logger = logging.getLogger(__name__)

OWN_SECONDS = 5.0
LOOK_SECONDS = 0.5
FORGET_SECONDS = 3600.0
MAX_PAUSE_SECONDS = 60.0
HOUR = 3_600_000
# A snapshot may take a tenth of the time: chains that break again and again must not keep the machine busy.
REST = 10


async def ship() -> None:
    """Ship until cancelled, as soon as no other process of this machine does."""
    spool = Spool(settings.CLAW_HOME)
    while not spool.take():  # noqa: ASYNC110 - the end of another process sets no event here
        await asyncio.sleep(OWN_SECONDS)
    try:
        await asyncio.to_thread(spool.clear)
        ours = partial(claim, own=await run_db(find_installation))
        await Shipping(spool, Path(settings.DATABASES["default"]["NAME"]), claim=ours).run()
    finally:
        spool.release()


class Shipping:
    """The work of one process. `_frozen` is a snapshot that is to be taken or is being taken."""

    def __init__(self, spool: Spool, database: Path, *, claim: Claim = trust) -> None:
        self._spool = spool
        self._database = database
        self._claim = claim
        self._stores = all_stores()
        self._sender = Sender(spool, self._stores, claim=claim)
        self._collector: Collector | None = None
        self._before = ""
        self._broken = False
        self._frozen: Frozen | None = None
        self._snapshot_at = 0.0

    async def run(self) -> None:
        """Run until cancelled; then copy and send once more what there is."""
        works: list[tuple[Callable[[], object], float]] = [
            (self._collect, settings.CLAW_SHIPPING_SECONDS),
            (self._take_snapshot, LOOK_SECONDS),
            (self._sender.send, LOOK_SECONDS),
            (self._forget, FORGET_SECONDS),
        ]
        tasks = [asyncio.create_task(again(work, seconds)) for work, seconds in works]
        try:
            await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await asyncio.shield(asyncio.to_thread(self._end))

    def _collect(self) -> None:
        """Copy what is new. Whatever fails lets the log go; the next call finds out whether it still goes on.

        Otherwise the log would grow for as long as it fails, until the disk is full.
        """
        try:
            self._go_on()
        except Gap as gap:
            self._broken = True
            self._let_go()
            level = logging.DEBUG if isinstance(gap, Unknown) else logging.WARNING
            logger.log(level, "The log of the database is copied anew, from a snapshot on: %s", gap.message)
        except Unsettled as error:
            if self._broken:
                self._let_go()  # a chain that is to begin needs nothing of it
            logger.debug("The log of the database is looked at again: %s", error.message)
        except Exception:
            self._let_go()
            raise

    def _go_on(self) -> None:
        state = self._collector.state if self._collector is not None else self._spool.load()
        anew = self._broken = self._broken or state is None
        due = (anew or snapshots.is_due(state)) and self._may_freeze()
        if anew and not due:
            return  # nothing is held meanwhile
        if anew:
            snapshots.check_size(self._database)
        snapshots.check_waiting(self._spool)
        if self._collector is None:
            snapshots.check_room(self._spool, self._database)
            # Nothing is held while they are asked.
            parts = known(quick_stores())
            if not anew and state is not None and not all(state.knows(part) for part in parts):
                raise Gap("The disk was put back to an older state: the stores have more of the log than it knows of.")
            # Of a machine that is replaced nothing is known here, and its clock may have been ahead of ours.
            self._before = newest_chain(parts)
            self._collector = Collector(self._database, self._spool)
        if due and (anew or snapshots.is_possible(self._spool, self._database)):
            self._frozen = self._collector.freeze(anew=anew, before=self._before)
            self._broken = False
        else:
            self._collector.collect()
        if self._collector.is_long():
            self._collector.shorten()

    def _may_freeze(self) -> bool:
        return self._frozen is None and time.monotonic() >= self._snapshot_at

    def _take_snapshot(self) -> None:
        """Take the snapshot that is wanted, if one is."""
        frozen = self._frozen
        if frozen is None:
            return
        began = time.monotonic()
        try:
            size = snapshots.take(self._spool, frozen)
            if self._collector is not None:
                self._collector.note_snapshot(frozen, size)
        finally:
            self._frozen = None
            self._snapshot_at = time.monotonic() + REST * (time.monotonic() - began)

    def _forget(self) -> None:
        def work(store: Store) -> None:
            self._claim(store)
            forget(store, keep=settings.CLAW_SHIPPING_HOURS * HOUR)

        with_all(self._stores, work)

    def _let_go(self) -> None:
        collector, self._collector = self._collector, None
        if collector is not None:
            collector.abandon()

    def _end(self) -> None:
        """Copy and send what there is, as far as that goes."""
        try:
            if self._collector is not None and not self._broken:
                self._collector.collect()
            self._sender.send()
        except (ClawError, OSError, sqlite3.Error) as error:
            logger.warning("Not all of the database's log was copied: %s", error)
        self._let_go()


async def again(work: Callable[[], object], seconds: float) -> None:
    """Do a work again and again in a thread; what fails is done again after a pause that grows.

    What it fails of is told once, for it may fail of it for days.
    """
    pause, told = seconds, ""
    while True:
        try:
            await asyncio.to_thread(work)
            pause, told = seconds, ""
        except ClawError as error:
            pause = longer(pause, seconds)
            level = logging.DEBUG if error.message == told else logging.WARNING
            logger.log(level, "Copying the database's log: %s", error.message)
            told = error.message
        except Exception as error:
            pause = longer(pause, seconds)
            log_unknown(error, where="the copying of the database's log")
        await asyncio.sleep(jitter(pause) if pause > seconds else pause)


def longer(pause: float, seconds: float) -> float:
    """Return the pause after one more failure: what is done once an hour is not done more often because it fails."""
    return max(seconds, min(MAX_PAUSE_SECONDS, pause * 2))
