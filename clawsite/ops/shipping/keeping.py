"""Whether the log of the database is copied here at all. What does it is loaded only then."""

from __future__ import annotations

import asyncio
import logging
from importlib import import_module

from django.conf import settings

from clawsite.core.errors import ClawError, log_unknown

logger = logging.getLogger(__name__)

AGAIN_SECONDS = 30.0


async def keep_shipping() -> None:
    """Ship until cancelled, and try again when that cannot begin; return at once where there is nothing to ship."""
    name = _find_work()
    while name:
        try:
            await import_module(name).ship()
        except ClawError as error:
            logger.warning("The database's log is not copied: %s", error.message)
        except Exception as error:
            log_unknown(error, where="the beginning of the copying of the database's log")
        await asyncio.sleep(AGAIN_SECONDS)


def _find_work() -> str:
    if not settings.CLAW_ON_SQLITE and settings.CLAW_WAL_DIR:
        return "clawsite.ops.shipping.postgres.work"
    return "clawsite.ops.shipping.work" if settings.CLAW_ON_SQLITE and settings.CLAW_SHIPPING_SECONDS else ""
