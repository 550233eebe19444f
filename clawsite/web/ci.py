"""The webhook of forges, in front of Django: `/webhook/ci/<project>`. The delivery is a row before it is acknowledged.

Nothing is parsed before the sender is known: GitHub by its signature, GitLab by its token, others by a bearer token,
compared in constant time. A project that does not exist and one without a connection get one answer.
"""

from __future__ import annotations

import asyncio
import json
import logging
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qs

from clawsite.core.db import run_db, run_tx
from clawsite.gateway.limits import Attempts
from clawsite.web.address import address_of
from clawsite.web.deliveries import answer_delivery
from clawsite.web.plain import Receive, Scope, Send, TooLarge, find_header, read_body
from guardrails.rates import acheck_named
from runbooks.models import ForgeConnection
from runbooks.workspaces.pipelines.signatures import delivery_of, is_signed
from runbooks.workspaces.pipelines.store import store_delivery

logger = logging.getLogger(__name__)

PREFIX = "/webhook/ci/"
MAX_BODY = 4 * 1024 * 1024
STORE_SECONDS = 8.0
DOORS_SECONDS = 10.0
_KEY = re.compile(rf"{PREFIX}([A-Za-z0-9_-]{{1,64}})/?")
_NONE = (404, b"no such webhook\n")


@dataclass(frozen=True, kw_only=True, slots=True)
class Door:
    """A project that takes deliveries."""

    project_id: int
    kind: str
    secret: str = field(repr=False)


class CiWebhook:
    """The ASGI application. Its doors are kept in memory, so that a stranger's request costs no query."""

    def __init__(self) -> None:
        self._doors: Mapping[str, Door] = {}
        self._stale_at = 0.0
        self._lock = asyncio.Lock()
        self._attempts = Attempts()

    def forget(self) -> None:
        """Read the rows again at the next request (a connection changed)."""
        self._stale_at = 0.0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one delivery."""
        await answer_delivery(scope, receive, send, take=self._take, what="a delivery of CI", where="the webhook of CI")

    async def _take(self, scope: Scope, receive: Receive) -> tuple[int, bytes]:
        address = address_of(scope)
        async with asyncio.timeout(STORE_SECONDS):
            match = _KEY.fullmatch(scope["path"])
            door = await self._find(match[1]) if match else None
            if door is None:
                return _NONE
            try:
                body = await read_body(scope, receive, limit=MAX_BODY)
            except TooLarge:
                return 413, b"too large\n"
            if not is_signed(door.kind, door.secret, body, lambda name: find_header(scope, name)):
                return self._refuse(address)
            rate = await acheck_named("webhook.ci", str(door.project_id))
            if not rate.allowed:
                return 429, b"too many deliveries; try again later\n"
            return await self._store(scope, door, body, address)

    async def _store(self, scope: Scope, door: Door, body: bytes, address: str) -> tuple[int, bytes]:
        delivery_id, event = delivery_of(door.kind, body, lambda name: find_header(scope, name))
        text = _text_of(body, find_header(scope, "content-type"))
        if text is None:
            return 400, b"not JSON\n"
        _pk, made = await run_tx(_keep, door, delivery_id=delivery_id, event=event, body=text, origin=address)
        return (202, b"stored\n") if made else (200, b"known\n")

    async def _find(self, key: str) -> Door | None:
        async with self._lock:
            if time.monotonic() >= self._stale_at:
                self._doors = await run_db(_load)
                self._stale_at = time.monotonic() + DOORS_SECONDS
        return self._doors.get(key)

    def _refuse(self, address: str) -> tuple[int, bytes]:
        """Answer a wrong secret. Who may share the address with a forge must not be able to lock the forge out, so
        what is signed passes in any case; the log has one line for many."""
        was_blocked = self._attempts.is_blocked(address)
        self._attempts.fail(address, local=False)
        if not was_blocked and self._attempts.is_blocked(address):
            logger.warning("many wrong signatures for the webhook of CI from %s", address)
        return (429, b"too many wrong signatures\n") if was_blocked else (401, b"wrong signature\n")


def _keep(door: Door, *, delivery_id: str, event: str, body: str, origin: str) -> tuple[int, bool]:
    return store_delivery(
        door.project_id, kind=door.kind, delivery_id=delivery_id, event=event, body=body, origin=origin
    )


def _load() -> dict[str, Door]:
    """Return the doors by the keys of their projects. A connection without a secret, or with a lost one, is none."""
    rows = ForgeConnection.objects.select_related("project").filter(enabled=True)
    return {
        row.project.key: Door(project_id=row.project_id, kind=row.kind, secret=str(row.webhook_secret))
        for row in rows
        if row.webhook_secret
    }


def _text_of(body: bytes, content_type: str) -> str | None:
    """Return the JSON object of a delivery as text, also out of the form that GitHub can send; None for none."""
    try:
        text = body.decode()
        if content_type.partition(";")[0].strip().lower() == "application/x-www-form-urlencoded":
            text = parse_qs(text, strict_parsing=True, max_num_fields=5).get("payload", [""])[0]
        return text if isinstance(json.loads(text), dict) else None
    except (ValueError, RecursionError):
        return None
