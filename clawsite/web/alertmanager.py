"""Alertmanager's webhook, in front of Django: check the token, store the delivery as it came, answer after the commit.

Alertmanager repeats what was answered with 5xx and drops what was answered with 4xx, 429 too. So 4xx means never send
this again; whatever may pass later is a 503, and how much comes is never a reason to refuse.
"""

from __future__ import annotations

import asyncio
import json
import logging
import re

from django.conf import settings

from clawsite.core.crypto import same_secret
from clawsite.core.db import run_tx
from clawsite.gateway.limits import TOKEN_CHARS, Attempts
from clawsite.web.address import address_of
from clawsite.web.deliveries import answer_delivery
from clawsite.web.plain import Receive, Scope, Send, TooLarge, find_header, read_body
from runbooks.alerts.store import store_webhook

logger = logging.getLogger(__name__)

PATH = "/webhook/alertmanager"
# A group of some thousand alerts; what is larger is a template gone wrong, which no repetition makes smaller.
MAX_BODY = 8 * 1024 * 1024
STORE_SECONDS = 8.0
_PATH = re.compile(rf"{PATH}(?:/([A-Za-z0-9_-]{{1,64}}))?/?")


def is_alertmanager(path: str) -> bool:
    """Tell whether a path is the webhook's: alone, or with the name of a system behind it."""
    return path == PATH or path.startswith(PATH + "/")


class AlertmanagerWebhook:
    """The ASGI application under /webhook/alertmanager."""

    def __init__(self) -> None:
        self._attempts = Attempts()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one delivery."""
        await answer_delivery(scope, receive, send, take=self._take, what="an alert", where="the webhook of alerts")

    async def _take(self, scope: Scope, receive: Receive) -> tuple[int, bytes]:
        refusal = self._refuse(scope)
        if refusal is not None:
            return refusal
        match = _PATH.fullmatch(scope["path"])
        if match is None:
            return 404, b"no such webhook\n"
        async with asyncio.timeout(STORE_SECONDS):
            try:
                body = (await read_body(scope, receive, limit=MAX_BODY)).decode()
                known = isinstance(json.loads(body), dict)
            except TooLarge:
                return 413, b"too large\n"
            except (ValueError, RecursionError):
                return 400, b"not JSON\n"
            if not known:
                return 400, b"not a webhook of Alertmanager\n"
            await run_tx(store_webhook, body, source=match[1] or "", origin=address_of(scope))
        return 200, b"stored\n"

    def _refuse(self, scope: Scope) -> tuple[int, bytes] | None:
        """Return the answer to who has not the token; None for who has it.

        Too many wrong ones from an address close the door to it where the token is short enough to be found by trying.
        """
        expected = settings.ALERTMANAGER_WEBHOOK_TOKEN
        if not expected:
            return 503, b"ALERTMANAGER_WEBHOOK_TOKEN is not set\n"
        address = address_of(scope)
        if self._attempts.is_blocked(address) and len(expected) < TOKEN_CHARS:
            return 503, b"too many wrong tokens; try again later\n"
        scheme, _, token = find_header(scope, "authorization").partition(" ")
        if scheme.lower() == "bearer" and same_secret(token.strip(), expected):
            return None
        self._note_failure(address)
        return 401, b"wrong token\n"

    def _note_failure(self, address: str) -> None:
        """Count a wrong token; the log has one line for many."""
        was_blocked = self._attempts.is_blocked(address)
        self._attempts.fail(address, local=False)
        if not was_blocked and self._attempts.is_blocked(address):
            logger.warning("many wrong tokens for the webhook of alerts from %s", address)
