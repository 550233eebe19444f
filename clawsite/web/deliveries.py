"""What all webhooks have in common: one delivery is posted, stored and answered, and what may pass later is a 503."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable

from django.db import DatabaseError

from clawsite.core.errors import log_unknown
from clawsite.core.metrics import RATE_REFUSALS
from clawsite.web.address import address_of, counted_as, is_direct_local
from clawsite.web.plain import Receive, Scope, Send, answer
from guardrails.rates import acheck_named

logger = logging.getLogger(__name__)

_UNKNOWN_SENDER = (401, 404)
Take = Callable[[Scope, Receive], Awaitable[tuple[int, bytes]]]


async def answer_delivery(scope: Scope, receive: Receive, send: Send, *, take: Take, what: str, where: str) -> None:
    """Answer a delivery with what `take` says. `what` it is and `where` it came to are for the log."""
    if scope["method"] != "POST":
        await answer(send, 405, b"POST only\n", headers={"allow": "POST"})
        return
    try:
        status, text = await take(scope, receive)
    except (DatabaseError, TimeoutError) as error:
        logger.warning("%s was refused: %s", what, type(error).__name__)
        status, text = 503, b"try again\n"
    except Exception as error:
        status, text = 503, f"try again ({log_unknown(error, where=where)})\n".encode()
    if status in _UNKNOWN_SENDER:
        status, text = await _refuse(scope, status, text)
    await answer(send, status, text)


async def _refuse(scope: Scope, status: int, text: bytes) -> tuple[int, bytes]:
    """Count what was refused, by its address. Who tries on and on learns nothing more; a right secret passes."""
    rate = await acheck_named("webhook.refused", counted_as(address_of(scope)), local=is_direct_local(scope))
    if rate.allowed:
        return status, text
    RATE_REFUSALS.labels("webhook.refused").inc()
    return 429, b"too many wrong deliveries; try again later\n"
