"""Polling channels: one poller per account, under a lease. Every update is stored before the next is asked for."""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from bots.channels.base import ChannelAdapter, ChannelError, Unparsed
from bots.channels.rich import clean_text
from bots.commands.registry import match_message
from bots.services import POLLING
from bots.work import OpenChannel
from clawsite.core.db import run_db, run_tx
from clawsite.core.errors import LeaseLost, log_unknown
from clawsite.core.jitter import jitter
from clawsite.core.leases import Held, check_lease, release_lease, take_lease
from clawsite.core.metrics import MESSAGES
from clawsite.core.services import Teller
from sessions_app.inbox import StoredUpdate, store_updates
from sessions_app.models import Channel, Inbox

logger = logging.getLogger(__name__)

ALBUM_SECONDS = 1.5
LEASE_POLL_SECONDS = 2.0
MAX_RAW = 1024 * 1024
MAX_ID = 100
CONTROL = "#control"


def to_stored(
    adapter: ChannelAdapter, raw: Mapping[str, Any], *, channel_id: int, username: str
) -> StoredUpdate | None:
    """Return the row of a raw update: its lane, and `unparsed` when it is malformed; None when it needs no answer."""
    text = clean_text(json.dumps(raw, ensure_ascii=False, separators=(",", ":")))
    try:
        external_id = adapter.external_id(raw)
        message = adapter.parse(raw)
    except Unparsed:
        return _unparsed(raw, text)
    if message is None:
        return None
    if len(text) > MAX_RAW:
        return _unparsed(raw, text[:MAX_RAW])
    place = message.address
    lane = f"{channel_id}/{place.chat_id}/{place.thread_id}"
    match = match_message(message, bot_username=username)
    if message.kind in ("callback", "reaction") or (match is not None and match.command.control):
        lane += CONTROL
    delay = ALBUM_SECONDS if message.group_key else 0.0
    return StoredUpdate(external_id=external_id, lane=lane, raw=text, delay=delay)


def _unparsed(raw: Mapping[str, Any], text: str) -> StoredUpdate:
    number = raw.get("update_id", raw.get("id")) if isinstance(raw, dict) else None
    known = isinstance(number, int | str) and len(str(number)) <= MAX_ID
    name = (clean_text(str(number)) if known else "") or f"bad:{hashlib.sha256(text.encode()).hexdigest()[:32]}"
    return StoredUpdate(external_id=name, lane="unparsed", raw=text, state=Inbox.State.UNPARSED)


class Poller:
    """Polls one account while this process holds its lease; waits for the lease otherwise."""

    def __init__(self, channel: OpenChannel, *, process_id: int) -> None:
        self.channel = channel
        self._process_id = process_id
        self._noted_at = 0.0
        self._asked_at = 0.0
        self._teller = Teller(POLLING)

    async def run(self) -> None:
        """Poll for ever; errors are logged and waited out. Ends by cancellation."""
        name = f"poll:{self.channel.row.pk}"
        while True:
            held = None
            try:
                held = await run_db(take_lease, name, process_id=self._process_id)
                if held is not None:
                    await self._poll(held)
            except LeaseLost:
                logger.warning("another process polls %s now", self.channel.row.name)
            except asyncio.CancelledError:
                if held is not None:
                    await asyncio.shield(run_db(release_lease, held))
                raise
            except Exception as error:
                log_unknown(error, where=f"polling {self.channel.row.name}")
                if held is not None:
                    await self._release(held)
            await asyncio.sleep(jitter(LEASE_POLL_SECONDS))

    async def _release(self, held: Held) -> None:
        try:
            await run_db(release_lease, held)
        except Exception as error:
            log_unknown(error, where=f"releasing {held.name}")

    async def _poll(self, held: Held) -> None:
        updates = self.channel.adapter.updates()
        self._asked_at = time.monotonic()
        try:
            async for batch in updates:
                await self._store(batch, held)
                self._asked_at = time.monotonic()
        except ChannelError as error:
            logger.warning("polling %s failed: %s", self.channel.row.name, error.message)
            await run_db(release_lease, held)
        finally:
            close = getattr(updates, "aclose", None)
            if close is not None:
                await close()

    async def _store(self, batch: Sequence[Mapping[str, Any]], held: Held) -> None:
        """Commit a batch, trying until the database takes it: only then may the next request confirm it."""
        self._tell()
        rows = self.to_rows(batch)
        delay = 0.5
        while True:
            try:
                await run_tx(self._commit, rows, held)
                MESSAGES.labels(self.channel.row.kind, "in").inc(len(rows))
                return
            except LeaseLost:
                raise
            except Exception as error:
                log_unknown(error, where=f"storing updates of {self.channel.row.name}")
                await asyncio.sleep(jitter(delay))
                delay = min(delay * 2, 5.0)

    def _tell(self) -> None:
        """Let others know how the request went that ended with this batch."""
        error = str(getattr(self.channel.adapter, "last_error", ""))
        if error:
            waited = time.monotonic() - self._asked_at
            self._teller.failed(self.channel.row.name, error=error, error_kind="polling", seconds=waited)
        else:
            self._teller.worked(self.channel.row.name)

    def to_rows(self, batch: Sequence[Mapping[str, Any]]) -> list[StoredUpdate]:
        """Turn raw updates into rows, leaving out what needs no answer."""
        made = (
            to_stored(self.channel.adapter, raw, channel_id=self.channel.row.pk, username=self.channel.username)
            for raw in batch
        )
        return [row for row in made if row is not None]

    def _commit(self, rows: Sequence[StoredUpdate], held: Held) -> None:
        """Store a batch under the lease; an empty one only checks that the lease is still ours."""
        if rows:
            store_updates(self.channel.row.pk, rows, held=held)
        else:
            check_lease(held)
        now = time.monotonic()
        if now - self._noted_at > 5.0:
            self._noted_at = now
            Channel.objects.filter(pk=self.channel.row.pk).update(**self._news())

    def _news(self) -> dict[str, Any]:
        """Return what the channel's row is told: only an answer of the platform is news from it, no failure is."""
        adapter = self.channel.adapter
        answered = float(getattr(adapter, "last_poll_at", 0.0))
        news: dict[str, Any] = {"last_error": str(getattr(adapter, "last_error", ""))[:200]}
        return news | ({"last_poll_at": datetime.fromtimestamp(answered, UTC)} if answered else {})
