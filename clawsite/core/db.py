"""The database thread of a process that runs an event loop. No ORM call ever runs on the loop.

SQLite gets one thread (more were measured slower: p95 226 against 90 ms); PostgreSQL gets a small pool. Each piece of
work is one function that does one short transaction. A database that is locked or gone is tried again with jitter,
because such a transaction has changed nothing.

On SQLite, transactions that wait at the same moment share one commit: each is a savepoint, nothing is reported before
the commit, and when one fails for an unknown reason all of them are run again, each alone.
"""

from __future__ import annotations

import asyncio
import itertools
import queue
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import partial
from typing import Any, ParamSpec, TypeVar

from django.conf import settings
from django.db import InterfaceError, OperationalError, close_old_connections, connection, connections, transaction

from clawsite.core.audit import keeping_refusals
from clawsite.core.errors import ClawError, log_unknown
from clawsite.core.jitter import jitter
from clawsite.core.tracing import carry

P = ParamSpec("P")
R = TypeVar("R")

POSTGRES_THREADS = 4
# A connection that was used a moment ago is used again without asking; if it died since, the work is repeated.
IDLE_SECONDS = 5.0
TRIES = 5
# A group takes no further transaction after this, because other processes wait for the write lock meanwhile.
GROUP_SECONDS = 0.015
_FIRST, _NORMAL, _LAST = 0, 1, 2


class Lane:
    """Whose work it is. Lanes take turns, so that who has much to do waits for the others, and not they for it."""

    def __init__(self) -> None:
        self.last: dict[str, int] = {}


_lane: ContextVar[Lane] = ContextVar("lane", default=Lane())  # noqa: B039 - one lane for all who have none of their own


def use_lane(lane: Lane) -> None:
    """Do the database work of this task, and of those it begins in its context, in a lane.

    What serves others, too, must begin in a context of its own.
    """
    _lane.set(lane)


@dataclass(order=True)
class _Job:
    """One piece of work in the queue; a lower rank goes first, then an earlier turn, then who was there first."""

    rank: int
    turn: int
    number: int
    work: Callable[[], Any] | None = field(compare=False)
    grouped: bool = field(compare=False, default=False)
    result: Future[Any] = field(compare=False, default_factory=Future)

    @property
    def is_transaction(self) -> bool:
        """Whether it is one also when nothing shares its commit."""
        return self.grouped and self.rank != _FIRST


class _Pool:
    """Threads that work off one queue. Each keeps its own connection.

    `_turn` is that of the work begun last: the next of a lane comes one turn after its last, but never before now.
    """

    def __init__(self, name: str, threads: int) -> None:
        self._name = name
        self._turn = 0
        self._jobs: queue.PriorityQueue[_Job] = queue.PriorityQueue()
        self._numbers = itertools.count()
        self._threads = [
            threading.Thread(target=self._run, name=f"claw-db-{number}", daemon=True) for number in range(threads)
        ]
        for thread in self._threads:
            thread.start()

    def submit(self, work: Callable[[], Any], *, rank: int, grouped: bool) -> Future[Any]:
        lane = _lane.get()
        turn = lane.last[self._name] = max(self._turn, lane.last.get(self._name, 0) + 1)
        job = _Job(rank, turn, next(self._numbers), work, grouped)
        self._jobs.put(job)
        return job.result

    def _run(self) -> None:
        while (job := self._jobs.get()).work is not None:
            self._turn = max(self._turn, job.turn)
            if not job.result.set_running_or_notify_cancel():
                continue
            if job.grouped and settings.CLAW_ON_SQLITE and not self._jobs.empty():
                self._run_group(job)
            else:
                _run_alone(job)
        connections.close_all()

    def _run_group(self, first: _Job) -> None:
        """Run a transaction and those that wait behind it as one, then tell each how it went."""
        taken: list[_Job] = []
        try:
            answers = self._run_together(first, taken)
        except Exception:
            for job in taken:
                _run_alone(job)
            return
        for job, (ok, answer) in zip(taken, answers, strict=True):
            if ok:
                job.result.set_result(answer)
            else:
                job.result.set_exception(answer)

    def _run_together(self, first: _Job, taken: list[_Job]) -> list[tuple[bool, Any]]:
        answers = []
        begin = time.monotonic()
        job: _Job | None = first
        taken.append(first)
        with _committing():
            while job is not None:
                answers.append(_run_savepoint(job))
                job = self._next_grouped(first.rank) if time.monotonic() - begin < GROUP_SECONDS else None
                if job is not None:
                    taken.append(job)
        return answers

    def _next_grouped(self, rank: int) -> _Job | None:
        """Take the next transaction of a group if it waits now; what is not of its kind stays where it is.

        One that goes before others ends the group, because it must not wait for the rest.
        """
        try:
            job = self._jobs.get_nowait()
        except queue.Empty:
            return None
        if not job.grouped or job.rank != rank:
            self._jobs.put(job)
            return None
        self._turn = max(self._turn, job.turn)
        return job if job.result.set_running_or_notify_cancel() else None

    def close(self) -> None:
        for _ in self._threads:
            self._jobs.put(_Job(_LAST, 0, next(self._numbers), None))
        for thread in self._threads:
            thread.join(timeout=30)


def _run_alone(job: _Job) -> None:
    if job.work is None:
        return
    try:
        job.result.set_result(_call(partial(_run_transaction, job.work) if job.is_transaction else job.work))
    except BaseException as error:
        job.result.set_exception(error)


def _run_transaction(work: Callable[[], R]) -> R:
    with _committing():
        result = work()
    return result


@contextmanager
def _committing() -> Iterator[None]:
    """Run a transaction. What a callback raises once it is committed is logged, or all would be done a second time."""
    committed: list[bool] = []
    try:
        with transaction.atomic():
            transaction.on_commit(lambda: committed.append(True))
            yield
    except Exception as error:
        if not committed:
            raise
        log_unknown(error, where="what was to follow a commit")


def _run_savepoint(job: _Job) -> tuple[bool, Any]:
    """Run a transaction inside a group. Known errors undo only it; unknown ones go up and undo the group."""
    if job.work is None:
        return True, None
    try:
        with keeping_refusals(), transaction.atomic():
            return True, job.work()
    except ClawError as error:
        return False, error


_pools: dict[str, _Pool] = {}


def _get_pool(rank: int) -> _Pool:
    """Return the threads for a rank: one for all on SQLite; on PostgreSQL records that go first have their own."""
    if settings.CLAW_ON_SQLITE:
        name, threads = "all", 1
    else:
        name, threads = ("first", 1) if rank == _FIRST else ("all", POSTGRES_THREADS)
    if name not in _pools:
        _pools[name] = _Pool(name, threads)
    return _pools[name]


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


class _LastCall(threading.local):
    """When this thread last asked the database."""

    at = 0.0


_last_call = _LastCall()


def _call(work: Callable[[], R]) -> R:
    """Run work. A connection that was idle is asked first whether it lives; a busy one would only lose time by that."""
    now = time.monotonic()
    if not settings.CLAW_ON_SQLITE and now - _last_call.at > IDLE_SECONDS:
        close_old_connections()
    _last_call.at = now
    return with_retry(partial(_keep_refusals, work))


def _keep_refusals(work: Callable[[], R]) -> R:
    with keeping_refusals():
        return work()


async def _submit(work: Callable[[], R], *, rank: int = _NORMAL, grouped: bool = False) -> R:
    result: R = await asyncio.wrap_future(_get_pool(rank).submit(carry(work), rank=rank, grouped=grouped))
    return result


async def run_db(work: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R:
    """Run synchronous database work on the database thread and return its result."""
    return await _submit(partial(work, *args, **kwargs))


async def run_db_first(work: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R:
    """Like run_db, before everything that waits: for short looks without which nobody gets in or is thought alive."""
    return await _submit(partial(work, *args, **kwargs), rank=_FIRST)


async def run_tx(work: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R:
    """Like run_db, for one transaction that may share its commit with others. It must be safe to run again."""
    return await _submit(partial(work, *args, **kwargs), grouped=True)


async def run_tx_first(work: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R:
    """Like run_tx, before everything that waits: for records that a crash must not separate from what they record.

    So nothing stands before their first statement: where they share no commit, each is its own.
    """
    return await _submit(partial(work, *args, **kwargs), rank=_FIRST, grouped=True)


def close_pool() -> None:
    """Finish what waits, close the threads' connections and forget the pool; safe to call twice."""
    while _pools:
        _pools.popitem()[1].close()
