"""The worker role: the task cluster, watched from outside, and the ticker that puts periodic tasks in.

A cluster that lost any of its processes, or in which no task runs, may be stuck for ever (it is built on locks that
a killed process does not give back). So it is never repaired: the whole group ends and the supervisor starts it anew.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import os
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

import psutil

from clawsite.core.nudge import NudgeListener
from clawsite.core.process import drain_seconds
from clawsite.core.queue import Workers
from clawsite.core.services import keep_probing
from clawsite.ops.alerting import keep_alerting
from clawsite.ops.backups.hindrance import warn_of_hindrance
from clawsite.ops.configuration import keep_following_config
from clawsite.ops.dispatching import keep_dispatching_jobs
from clawsite.ops.following import keep_following_pipelines
from clawsite.ops.link import Link, die_with_parent
from clawsite.ops.reading import keep_reading_systems
from clawsite.ops.reaping import keep_reaping
from clawsite.ops.role import run_role
from clawsite.ops.selfalerts.keeping import keep_watching_ourselves
from clawsite.ops.shipping.keeping import keep_shipping
from clawsite.ops.ticker import keep_ticking

logger = logging.getLogger(__name__)

LOOK_SECONDS = 1.0


class _Family:
    """Remembers who forks, so that the forked child can die with it."""

    parent = 0

    @classmethod
    def note(cls) -> None:
        """Run in the parent before each fork."""
        cls.parent = os.getpid()

    @classmethod
    def bind(cls) -> None:
        """Run in the child after each fork."""
        die_with_parent(cls.parent)


def run_worker(link: Link | None = None) -> int:
    """Run the worker role until it is told to stop."""
    gc.freeze()
    os.register_at_fork(before=_Family.note)
    workers = Workers(on_fork=_Family.bind)

    async def main(process_id: int, stop: asyncio.Event, listener: NudgeListener) -> None:
        told = asyncio.create_task(asyncio.to_thread(warn_of_hindrance), name="look at where backups go")
        watch = asyncio.create_task(_watch(workers, stop), name="watch cluster")
        ticks = asyncio.create_task(keep_ticking(process_id), name="ticker")
        reaps = asyncio.create_task(keep_reaping(process_id, listener), name="reaper of jobs")
        dispatch = asyncio.create_task(keep_dispatching_jobs(process_id, listener), name="dispatcher of jobs")
        reads = asyncio.create_task(keep_reading_systems(listener), name="reader of systems")
        alerts = asyncio.create_task(keep_alerting(listener), name="work on alerts")
        pipelines = asyncio.create_task(keep_following_pipelines(listener), name="work on pipelines")
        ships = asyncio.create_task(keep_shipping(), name="copying of the log")
        looks = asyncio.create_task(keep_watching_ourselves(process_id), name="self alerts")
        probes = asyncio.create_task(keep_probing(process_id), name="asking services")
        config = asyncio.create_task(keep_following_config(), name="history of the configuration")
        await stop.wait()
        tasks = (told, watch, ticks, reaps, dispatch, reads, alerts, pipelines, ships, looks, probes, config)
        await _end(workers, tasks)

    def note() -> dict[str, Any]:
        return {"silent": round(workers.silence()), "children_rss": workers.memory()}

    return run_role("worker", main, link=link, note=note)


async def _end(workers: Workers, tasks: Iterable[asyncio.Task[None]]) -> None:
    """End all at once: a store that does not take the last of the log must not keep jobs from putting work away."""
    for task in tasks:
        task.cancel()
    ended = asyncio.gather(*tasks, return_exceptions=True)
    # Part of the drain time is left for the cluster's own end.
    await asyncio.to_thread(workers.stop, drain_seconds=drain_seconds() * 0.6)
    await ended


async def _watch(workers: Workers, stop: asyncio.Event) -> None:
    """Look after the cluster every second; end everything when it is not whole."""
    while not stop.is_set():
        fault = workers.find_fault()
        if fault:
            logger.error("%s; the worker starts anew", fault)
            _end_group()
        await asyncio.sleep(LOOK_SECONDS)


def _end_group() -> None:
    """Kill all children and end, with an exit code that counts as our own fault."""
    for process in psutil.Process().children(recursive=True):
        with suppress(psutil.Error):
            process.kill()
    os._exit(1)
