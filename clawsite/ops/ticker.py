"""Periodic tasks: what is due is put into the queue, by one worker at a time, however many there are."""

from __future__ import annotations

import asyncio
import logging
import time
from dataclasses import dataclass, field

from clawsite.core.db import run_db
from clawsite.core.errors import LeaseLost, log_unknown
from clawsite.core.leases import Held, check_lease, release_lease, take_lease
from clawsite.core.queue import count_waiting, enqueue

logger = logging.getLogger(__name__)

LEASE = "ticker"
LOOK_SECONDS = 5.0
# With so many tasks waiting nothing periodic is added: the next round will do.
MAX_WAITING = 50


@dataclass(kw_only=True, slots=True)
class Tick:
    """A task that runs again and again. The first run is at once, so a restart never skips one."""

    task: str
    seconds: float
    due_at: float = field(default=0.0)


TICKS = (
    Tick(task="clawsite.ops.housekeeping.expire_approvals", seconds=60),
    Tick(task="clawsite.ops.housekeeping.settle_runs", seconds=60),
    Tick(task="clawsite.ops.housekeeping.clean", seconds=3600),
    Tick(task="clawsite.ops.minutes.record_minutes", seconds=20),
    Tick(task="clawsite.ops.housekeeping.rotate_keys", seconds=3600),
    Tick(task="clawsite.ops.backups.job.ensure_schedule", seconds=3600),
    Tick(task="runbooks.feedback.weekly.start_week", seconds=3600),
    Tick(task="runbooks.anomalies.watching.watch_queries", seconds=60),
    Tick(task="runbooks.workspaces.sync.queue.push_due", seconds=30),
    Tick(task="runbooks.workspaces.gitops.loading.load_due", seconds=60),
)


async def keep_ticking(process_id: int) -> None:
    """Put in what is due while this process holds the ticker's lease; ends by cancellation."""
    held: Held | None = None
    try:
        while True:
            try:
                held = await run_db(_tick, held, process_id)
            except LeaseLost:
                held = None
            except Exception as error:
                held = None
                log_unknown(error, where="the ticker")
            await asyncio.sleep(LOOK_SECONDS)
    finally:
        if held is not None:
            await asyncio.shield(run_db(release_lease, held))


def _tick(held: Held | None, process_id: int) -> Held | None:
    held = held or take_lease(LEASE, process_id=process_id)
    if held is None:
        return None
    due = [tick for tick in TICKS if tick.due_at <= time.monotonic()]
    if due and count_waiting() < MAX_WAITING:
        check_lease(held)
        for tick in due:
            enqueue(tick.task)
            tick.due_at = time.monotonic() + tick.seconds
    return held
