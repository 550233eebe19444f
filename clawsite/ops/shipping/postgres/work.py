"""The archiving as the worker runs it: send, take base backups, forget. One process for each folder does it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from pathlib import Path

from django.conf import settings

from clawsite.core.db import run_db
from clawsite.ops.backups.errors import BackupFailed
from clawsite.ops.backups.owner import claim, find_installation
from clawsite.ops.backups.places import all_stores
from clawsite.ops.shipping.postgres.archiving import DAY, RIGHTS, Archiving
from clawsite.ops.shipping.spool import Spool
from clawsite.ops.shipping.work import FORGET_SECONDS, HOUR, OWN_SECONDS, again

SEND_SECONDS = 1.0
BASE_SECONDS = 300.0


async def ship() -> None:
    """Ship until cancelled, as soon as no other process does."""
    folder = Path(settings.CLAW_WAL_DIR)
    try:
        spool = Spool(folder)
    except OSError as error:
        raise BackupFailed(f"{folder} cannot be written: {error.strerror}. {RIGHTS}") from error
    while not spool.take():  # noqa: ASYNC110 - the end of another process sets no event here
        await asyncio.sleep(OWN_SECONDS)
    try:
        ours = partial(claim, own=await run_db(find_installation))
        archiving = Archiving(folder, spool, all_stores(), claim=ours)
        await asyncio.to_thread(archiving.clear)
        await _work(archiving)
    finally:
        spool.release()


async def _work(archiving: Archiving) -> None:
    def forget() -> None:
        archiving.forget(keep=settings.CLAW_SHIPPING_HOURS * HOUR + DAY)  # by a day a clock that jumps ages all

    works: list[tuple[Callable[[], object], float]] = [
        (archiving.send, SEND_SECONDS),
        (archiving.back_up, BASE_SECONDS),
        (forget, FORGET_SECONDS),
    ]
    tasks = [asyncio.create_task(again(work, seconds)) for work, seconds in works]
    try:
        await asyncio.gather(*tasks)
    finally:
        archiving.end()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.shield(asyncio.to_thread(archiving.wait))
