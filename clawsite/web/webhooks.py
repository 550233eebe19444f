"""Webhook intake, in front of Django: check the secret, store the update, answer 200 only after the commit.

Nothing is parsed before the secret was compared (in constant time), and nothing else is done here: bots do the rest.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Mapping
from typing import Any

from bots.channels.base import ChannelAdapter
from bots.channels.registry import get_adapter
from bots.polling import to_stored
from bots.work import OpenChannel, account_of
from clawsite.core.crypto import same_secret
from clawsite.core.db import run_db
from clawsite.core.errors import ClawError
from clawsite.core.metrics import MESSAGES
from clawsite.web.deliveries import answer_delivery
from clawsite.web.plain import Receive, Scope, Send, TooLarge, find_header, read_body
from guardrails.rates import acheck_named
from sessions_app.inbox import store_updates
from sessions_app.models import Channel

logger = logging.getLogger(__name__)

PREFIX = "/webhook/telegram/"
SECRET_HEADER = "x-telegram-bot-api-secret-token"  # noqa: S105 - a header's name
MAX_BODY = 1024 * 1024
CHANNELS_SECONDS = 10.0
# Then 503: better a repetition than a connection held while the database is locked.
COMMIT_SECONDS = 8.0


class WebhookChannels:
    """The Telegram channels by id and name, kept in memory so that a stranger's request costs no query."""

    def __init__(self) -> None:
        self._channels: dict[str, OpenChannel] = {}
        self._stale_at = 0.0
        self._lock = asyncio.Lock()

    def forget(self) -> None:
        """Read the rows again at the next request (a channel changed)."""
        self._stale_at = 0.0

    async def find(self, ref: str) -> OpenChannel | None:
        """Return the channel with this id or name, or None."""
        async with self._lock:
            if time.monotonic() >= self._stale_at:
                self._channels = _by_ref(await run_db(_load))
                self._stale_at = time.monotonic() + CHANNELS_SECONDS
        return self._channels.get(ref)


def _load() -> list[Channel]:
    return list(Channel.objects.filter(kind="telegram", enabled=True))


def _by_ref(rows: list[Channel]) -> dict[str, OpenChannel]:
    found: dict[str, OpenChannel] = {}
    for row in rows:
        try:
            adapter: ChannelAdapter = get_adapter(row.kind)(account_of(row))
        except ClawError as error:
            logger.error("channel %s cannot be used: %s", row.name, error.message)
            continue
        found[row.name] = found[str(row.pk)] = OpenChannel(row=row, adapter=adapter)
    return found


class TelegramWebhook:
    """The ASGI application under /webhook/telegram/<channel>."""

    def __init__(self) -> None:
        self.channels = WebhookChannels()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one delivery. Telegram repeats what was not answered with 200."""
        await answer_delivery(scope, receive, send, take=self._take, what="an update", where="the webhook")

    async def _take(self, scope: Scope, receive: Receive) -> tuple[int, bytes]:
        async with asyncio.timeout(COMMIT_SECONDS):
            channel = await self.channels.find(scope["path"].removeprefix(PREFIX))
            if channel is None:
                return 404, b"no such channel\n"
            if not same_secret(find_header(scope, SECRET_HEADER), channel.row.webhook_secret):
                return 401, b"wrong secret\n"
            rate = await acheck_named("webhook.telegram", str(channel.row.pk))
            if not rate.allowed:
                return 429, b"too many updates; try again later\n"
            try:
                raw = json.loads(await read_body(scope, receive, limit=MAX_BODY))
            except TooLarge:
                return 413, b"too large\n"
            except ValueError:
                return 400, b"not JSON\n"
            if not isinstance(raw, dict):
                return 400, b"not an update\n"
            await self._store(channel, raw)
        return 200, b"ok\n"

    async def _store(self, channel: OpenChannel, raw: Mapping[str, Any]) -> None:
        try:
            row = to_stored(channel.adapter, raw, channel_id=channel.row.pk, username=channel.username)
        except ClawError as error:
            logger.warning("an update was left out: %s", error.message)
            return
        if row is not None:
            await run_db(store_updates, channel.row.pk, [row])
            MESSAGES.labels(channel.row.kind, "in").inc()
