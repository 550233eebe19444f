"""Sees to it that jobs for other gateways are sent and mirrored, by one worker at a time, however many there are."""

from __future__ import annotations

from importlib import import_module

from clawsite.core.db import run_db
from clawsite.core.errors import LeaseLost, log_unknown
from clawsite.core.leases import Held, release_lease, take_lease
from clawsite.core.nudge import Wake
from runbooks.dispatch.plan import has_work

LEASE = "dispatcher"
LOOK_SECONDS = 2.0


async def keep_dispatching(process_id: int, wake: Wake) -> None:
    """Dispatch while this process holds the lease; ends by cancellation. Loads the client when there is work."""
    while True:
        try:
            held = await run_db(_take, process_id)
            if held is not None:
                await _dispatch(held, wake)
        except LeaseLost:
            pass
        except Exception as error:
            log_unknown(error, where="the dispatcher")
        await wake.within(LOOK_SECONDS)


def _take(process_id: int) -> Held | None:
    return take_lease(LEASE, process_id=process_id) if has_work() else None


async def _dispatch(held: Held, wake: Wake) -> None:
    try:
        async with import_module("runbooks.dispatch.dispatcher").Dispatcher(held, wake) as dispatcher:
            while True:
                await dispatcher.look()
                await wake.within(LOOK_SECONDS)
    finally:
        await run_db(release_lease, held)
