"""Asks the monitored systems how they do, all at once, while the database is asked elsewhere. Ends by cancellation."""

from __future__ import annotations

import asyncio

from django.conf import settings

from clawsite.core.db import run_db
from clawsite.core.errors import ClawError, Unavailable, log_unknown
from clawsite.core.nudge import Wake
from runbooks.sources.client import put
from runbooks.sources.readings import Due, store, take_due

# Sources that are asked at the same time.
AT_ONCE = 16


async def keep_reading(wake: Wake) -> None:
    """Read what is due, again and again. Every worker may do this: a source is taken by one of them."""
    seconds = min(4.0, settings.CLAW_SYSTEMS_SECONDS / 2)
    while True:
        try:
            await read_due()
        except Exception as error:
            log_unknown(error, where="the reader of systems")
        await wake.within(seconds)


async def read_due() -> int:
    """Read every source that is due and return how many those were. One that fails leaves the others alone."""
    due = await run_db(take_due)
    places = asyncio.Semaphore(AT_ONCE)
    await asyncio.gather(*(_read(each, places) for each in due))
    return len(due)


async def _read(due: Due, places: asyncio.Semaphore) -> None:
    async with places:
        try:
            await run_db(store, due, await put(due.question))
        except ClawError as error:
            await run_db(store, due, error)
        except Exception as error:
            error_id = log_unknown(error, where=f"reading {due.source} of {due.system.name}")
            await run_db(store, due, Unavailable(f"Asking it failed (error {error_id})."))
