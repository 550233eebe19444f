"""The database thread of a process that runs an event loop. No ORM call ever runs on the loop.

SQLite gets one thread (more were measured slower: p95 226 against 90 ms); PostgreSQL gets a small pool. Each piece of
work is one function that does one short transaction. A database that is locked or gone is tried again with jitter,
because such a transaction has changed nothing.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import ParamSpec, TypeVar

from django.conf import settings
from django.db import InterfaceError, OperationalError, close_old_connections, connection

P = ParamSpec("P")
R = TypeVar("R")

POSTGRES_THREADS = 4
TRIES = 5

_executor: ThreadPoolExecutor | None = None


def _pool() -> ThreadPoolExecutor:
    global _executor
    if _executor is None:
        threads = 1 if settings.CLAW_ON_SQLITE else POSTGRES_THREADS
        _executor = ThreadPoolExecutor(max_workers=threads, thread_name_prefix="claw-db")
    return _executor


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
            time.sleep(random.uniform(0.02, 0.1) * 2**attempt)
    raise AssertionError("unreachable")


def _call(work: Callable[[], R]) -> R:
    if not settings.CLAW_ON_SQLITE:
        close_old_connections()
    return with_retry(work)


async def run_db(work: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R:
    """Run synchronous database work on the database thread and return its result."""
    loop = asyncio.get_running_loop()
    return await loop.run_in_executor(_pool(), _call, partial(work, *args, **kwargs))


def close_pool() -> None:
    """Wait for what runs, close the threads' connections and forget the pool; safe to call twice."""
    global _executor
    if _executor is not None:
        _executor.submit(connection.close)
        _executor.shutdown(wait=True)
        _executor = None
