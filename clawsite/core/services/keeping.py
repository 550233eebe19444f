"""Asks outside services by the way, in one process at a time for those of each role.

What the bots role knows how to ask is asked there; the rest in the worker, or in the web role when there is none.
"""

from __future__ import annotations

import asyncio
import logging

from django.db import InterfaceError, OperationalError

from clawsite.core.db import run_db
from clawsite.core.errors import log_unknown
from clawsite.core.jitter import jitter
from clawsite.core.leases import Held, is_held, release_lease, take_lease
from clawsite.core.services.probing import Prober, Role

logger = logging.getLogger(__name__)

LOOK_SECONDS = 5.0


async def keep_probing(process_id: int, *, role: Role = "worker") -> None:
    """Ask until cancelled."""
    prober, held = Prober(role=role), None
    try:
        while True:
            try:
                held = await run_db(_hold, held, f"probes {role}", process_id)
                if held is not None:
                    await prober.look()
            except (OperationalError, InterfaceError) as error:
                logger.warning("no service is asked, the database does not answer: %s", type(error).__name__)
            except Exception as error:
                log_unknown(error, where="asking services")
            await asyncio.sleep(jitter(LOOK_SECONDS))
    finally:
        prober.cancel()
        if held is not None:
            await asyncio.shield(run_db(release_lease, held))


def _hold(held: Held | None, name: str, process_id: int) -> Held | None:
    """Return the lease: the one that is held, or a fresh one; None when another process has it.

    Looking is reading: this is done all day in every process, and most of the time there is nothing to do.
    """
    if held is not None and is_held(held):
        return held
    return take_lease(name, process_id=process_id)
