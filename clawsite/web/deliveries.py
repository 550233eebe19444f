"""What all webhooks have in common: one delivery is posted, stored and answered, and what may pass later is a 503."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable

from django.db import DatabaseError

from clawsite.core.errors import log_unknown
from clawsite.web.plain import Receive, Scope, Send, answer

logger = logging.getLogger(__name__)

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
    await answer(send, status, text)
