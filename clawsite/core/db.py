"""The database thread of a process that runs an event loop. No ORM call ever runs on the loop.

SQLite gets one thread (more were measured slower: p95 226 against 90 ms); PostgreSQL gets a small pool. Each piece of
work is one function that does one short transaction. A database that is locked or gone is tried again with jitter,
because such a transaction has changed nothing.
"""

from __future__ import annotations

import asyncio
import itertools
import queue
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from functools import partial
from typing import Any, ParamSpec, TypeVar

from django.conf import settings
from django.db import InterfaceError, OperationalError, close_old_connections, connection, connections

from clawsite.core.jitter import jitter

P = ParamSpec("P")
R = TypeVar("R")

POSTGRES_THREADS = 4
TRIES = 5


@dataclass(order=True)
class _Job:
    """One piece of work in the queue; a lower rank goes first, equal ranks in their order."""

    rank: int
    number: int
    work: Callable[[], Any] | None = field(compare=False)
    result: Future[Any] = field(compare=False, default_factory=Future)


class _Pool:
    """Threads that work off one queue. Each keeps its own connection."""

    def __init__(self, threads: int) -> None:
        self._jobs: queue.PriorityQueue[_Job] = queue.PriorityQueue()
        self._numbers = itertools.count()
        self._threads = [
            threading.Thread(target=self._run, name=f"claw-db-{number}", daemon=True) for number in range(threads)
        ]
        for thread in self._threads:
            thread.start()

    def submit(self, work: Callable[[], Any], *, rank: int) -> Future[Any]:
        job = _Job(rank, next(self._numbers), work)
        self._jobs.put(job)
        return job.result

    def _run(self) -> None:
        while (job := self._jobs.get()).work is not None:
            if not job.result.set_running_or_notify_cancel():
                continue
            try:
                job.result.set_result(_call(job.work))
            except BaseException as error:
                job.result.set_exception(error)
        connections.close_all()

    def close(self) -> None:
        for _ in self._threads:
            self._jobs.put(_Job(_LAST, next(self._numbers), None))
        for thread in self._threads:
            thread.join(timeout=30)


_FIRST, _NORMAL, _LAST = 0, 1, 2
_pool: _Pool | None = None


def _get_pool() -> _Pool:
    global _pool
    if _pool is None:
        _pool = _Pool(1 if settings.CLAW_ON_SQLITE else POSTGRES_THREADS)
    return _pool


def with_retry(work: Callable[[], R]) -> R:
    """Run one transaction; repeat it when the database was locked or the connection was lost (5 tries, jitter)."""
    for attempt in range(TRIES):
        try:
            return work()
        except (OperationalError, InterfaceError):
            if connection.in_atomic_block or attempt == TRIES - 1:
                raise
            if not settings.CLAW_ON_SQLITE:
                connection.close()
            time.sleep(jitter(0.06 * 2**attempt, spread=0.7))
    raise AssertionError("unreachable")


def _call(work: Callable[[], R]) -> R:
    if not settings.CLAW_ON_SQLITE:
        close_old_connections()
    return with_retry(work)


async def run_db(work: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R:
    """Run synchronous database work on the database thread and return its result."""
    result: R = await asyncio.wrap_future(_get_pool().submit(partial(work, *args, **kwargs), rank=_NORMAL))
    return result


async def run_db_first(work: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R:
    """Like run_db, before everything that waits: for records that a crash must not separate from what they record."""
    result: R = await asyncio.wrap_future(_get_pool().submit(partial(work, *args, **kwargs), rank=_FIRST))
    return result


def close_pool() -> None:
    """Finish what waits, close the threads' connections and forget the pool; safe to call twice."""
    global _pool
    if _pool is not None:
        _pool.close()
        _pool = None
