"""The life of one asyncio role: a row, beats, nudges, a graceful end. Its own work is the `main` given to it.

An error in a task never ends the process. A loop that does not move is seen by the supervisor within
CLAW_HANG_SECONDS, without one by a thread. A process that was told to stop is over within the drain time; one whose
supervisor is gone works on for a next one that is on its way. One that finds itself too large or stuck (see selfwatch)
stops by itself, to be started anew.
"""

from __future__ import annotations

import asyncio
import faulthandler
import logging
import os
import signal
import threading
import time
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any

import psutil
from django.conf import settings
from django.db import DatabaseError, InterfaceError

from clawsite.core import flags
from clawsite.core.db import close_pool, run_db
from clawsite.core.dbtrouble import explain, is_known
from clawsite.core.errors import log_unknown
from clawsite.core.jitter import jitter
from clawsite.core.metrics import STARTS, write_lines
from clawsite.core.nudge import NudgeListener
from clawsite.core.process import (
    beat,
    drain_seconds,
    end_process,
    hurry,
    register_process,
    void_dead_local_processes,
)
from clawsite.core.tracing import flush
from clawsite.ops import dumps
from clawsite.ops.link import Link
from clawsite.ops.lone import watch_alone
from clawsite.ops.memory import keep_giving_back, share_heap
from clawsite.ops.selfwatch import SelfWatch
from clawsite.ops.succession import wait_for_successor
from clawsite.ops.watchdog import ANEW

logger = logging.getLogger(__name__)

Main = Callable[[int, asyncio.Event, NudgeListener], Awaitable[None]]
Drive = Callable[[Coroutine[Any, Any, int]], int]

PIPE_SECONDS = 1.0
# Much shorter than a lease lives, whatever CLAW_LEASE_SECONDS says.
ROW_SECONDS = min(5.0, settings.CLAW_LEASE_SECONDS / 4)
REGISTER_SECONDS = 2.0
LAG_SECONDS = 0.5
# After the supervisor's own deadline, so that alone or orphaned the role still ends.
GRACE_SECONDS = 2


@dataclass(kw_only=True, slots=True)
class Pulse:
    """How the event loop does. `lag` is the worst delay since the last look, `moved_at` when it last moved."""

    lag: float = field(default=0.0)
    moved_at: float = field(default=0.0)

    def take_lag(self) -> float:
        """Return the worst delay since the last call, in seconds."""
        worst, self.lag = self.lag, 0.0
        return worst


def run_role(
    role: str,
    main: Main,
    *,
    link: Link | None = None,
    drive: Drive = asyncio.run,
    note: Callable[[], dict[str, Any]] = dict,
) -> int:
    """Run a role until it is told to stop and return its exit code.

    `drive` runs the coroutine (the web role brings its own event loop); what `note` returns goes into the row.
    """
    faulthandler.register(signal.SIGUSR1, all_threads=True)
    share_heap()
    if link is not None:
        threading.Thread(target=_watch_supervisor, args=[link], name="claw-life", daemon=True).start()
    try:
        return drive(_live(role, main, link, note))
    finally:
        close_pool()
        flush()


# Set once this process was told to stop, for the thread that would tell it to.
_stopping = threading.Event()


def _watch_supervisor(link: Link) -> None:
    """Wait for the supervisor's end, then for the next one's word. A thread, because the event loop may hang."""
    os.read(link.life_fd, 1)
    logger.warning("the supervisor is gone; going on until the next one is here")
    hurry()
    wait_for_successor(settings.RUN_DIR, stopping=_stopping)
    _end_in_time(drain_seconds() + GRACE_SECONDS)
    if not _stopping.is_set():
        os.kill(os.getpid(), signal.SIGTERM)


def _end_in_time(seconds: float) -> None:
    """Kill this process and its group if it still runs after so many seconds."""
    timer = threading.Timer(seconds, _kill_group)
    timer.daemon = True
    timer.start()


def _kill_group() -> None:
    logger.error("not done in time; ending now")
    if os.getpgrp() == os.getpid():
        os.killpg(0, signal.SIGKILL)
    os._exit(1)


async def _live(role: str, main: Main, link: Link | None, note: Callable[[], dict[str, Any]]) -> int:
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(_log_loop_error)
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, _on_signal, stop)
    loop.add_signal_handler(signal.SIGUSR2, dumps.on_signal, role)
    pulse = Pulse()
    watch = SelfWatch(megabytes=settings.CLAW_ROLE_MEGABYTES)
    if link is None:
        watch_alone(lambda: pulse.moved_at, end=_kill_group)
    pipe = asyncio.create_task(_beat_pipe(link, pulse), name="beat pipe")
    process_id = await _enter(role, stop)
    if process_id is None:
        pipe.cancel()
        return 0
    row = asyncio.create_task(_beat_row(process_id, pulse, note, watch, stop), name="beat row")
    memory = asyncio.create_task(keep_giving_back(), name="give memory back")
    try:
        code = await _work(role, main, process_id, stop, link)
        return ANEW if code == 0 and watch.find_reason() else code
    finally:
        for task in (row, pipe, memory):
            task.cancel()
        await asyncio.gather(row, pipe, memory, return_exceptions=True)
        await _leave(process_id)


async def _enter(role: str, stop: asyncio.Event) -> int | None:
    """Make this process a row, waiting for a database that is out of reach; None when told to stop meanwhile."""
    said = ""
    while not stop.is_set():
        try:
            return await run_db(_register, role)
        except (DatabaseError, InterfaceError) as error:
            reason = explain(error) if isinstance(error, DatabaseError) and is_known(error) else str(error)
            if reason != said:
                logger.warning("%s waits for the database: %s", role, reason)
                said = reason
        try:
            async with asyncio.timeout(jitter(REGISTER_SECONDS)):
                await stop.wait()
        except TimeoutError:
            continue
    return None


def _register(role: str) -> int:
    void_dead_local_processes()
    process = register_process(role)
    STARTS.labels(role).inc()
    return process.pk


async def _work(role: str, main: Main, process_id: int, stop: asyncio.Event, link: Link | None) -> int:
    try:
        async with NudgeListener(role) as listener:
            flags.listen(listener)
            dumps.listen(listener)
            if link is not None:
                link.ready()
            logger.info("%s runs (pid %d)", role, os.getpid())
            await main(process_id, stop, listener)
    except Exception as error:
        log_unknown(error, where=f"the role {role}")
        return 1
    if not stop.is_set():
        logger.error("%s ended without being told to", role)
        return 1
    logger.info("%s stopped", role)
    return 0


def _on_signal(stop: asyncio.Event) -> None:
    """Stop on the first signal; on the second, end at once."""
    if stop.is_set():
        os._exit(1)
    _begin_stop(stop)


def _begin_stop(stop: asyncio.Event) -> None:
    stop.set()
    _stopping.set()
    _end_in_time(drain_seconds() + GRACE_SECONDS)


async def _beat_pipe(link: Link | None, pulse: Pulse) -> None:
    """Beat every second, and see by how much the event loop was late."""
    while True:
        if link is not None:
            link.beat()
        before = pulse.moved_at = time.monotonic()
        await asyncio.sleep(PIPE_SECONDS)
        lag = time.monotonic() - before - PIPE_SECONDS
        pulse.lag = max(pulse.lag, lag)
        if lag > LAG_SECONDS:
            logger.warning("the event loop was blocked for %.1f s", lag)


async def _beat_row(
    process_id: int, pulse: Pulse, note: Callable[[], dict[str, Any]], watch: SelfWatch, stop: asyncio.Event
) -> None:
    """Beat in the database. When the row is gone others have taken our work: end, to be started anew."""
    own = psutil.Process()
    while True:
        write_lines()
        data = {"lag_ms": round(pulse.take_lag() * 1000), **_use_of(own), **note()}
        data |= watch.note(data)
        try:
            if not await run_db(beat, process_id, **data):
                logger.error("this process was declared dead; ending")
                _kill_group()
            await run_db(watch.look_at_leases, process_id)
        except (DatabaseError, InterfaceError) as error:
            logger.warning("the database did not take a beat: %s", error)
        if watch.find_reason() and not stop.is_set():
            logger.error("%s; beginning anew", watch.find_reason())
            _begin_stop(stop)
        await asyncio.sleep(ROW_SECONDS)


def _use_of(own: psutil.Process) -> dict[str, Any]:
    """Return what this process takes of its machine."""
    with own.oneshot():
        times = own.cpu_times()
        return {
            "rss": own.memory_info().rss,
            "cpu": round(times.user + times.system, 2),
            "files": own.num_fds(),
            "threads": own.num_threads(),
        }


async def _leave(process_id: int) -> None:
    try:
        await run_db(end_process, process_id)
    except (DatabaseError, InterfaceError) as error:
        logger.warning("the database did not take the goodbye: %s", error)


def _log_loop_error(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Log what nobody awaited. It ends its own task, never the process."""
    error = context.get("exception")
    where = f"a task nobody waits for ({context.get('message', '')})"
    if isinstance(error, BaseException):
        log_unknown(error, where=where)
    else:
        logger.error("%s", where)
