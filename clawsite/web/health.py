"""Health answers in plain ASGI, in front of Django: they must work when nothing else does.

/healthz: the event loop turns (no database). /readyz: work can be taken: the database answers, its migrations are
applied, we do not stop. /startupz: ready once. /health and /metrics: details, for this machine and for holders of
CLAW_GATEWAY_TOKEN; everybody else learns "ok" or "unavailable" and nothing more.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Any, Generic, TypeVar

from django.conf import settings
from django.db import InterfaceError, OperationalError, connection
from prometheus_client import CONTENT_TYPE_LATEST

from clawsite.core.crypto import same_secret
from clawsite.core.db import run_db, run_db_first
from clawsite.core.errors import log_unknown
from clawsite.core.metrics import scrape
from clawsite.core.migrated import is_migrated
from clawsite.gateway.limits import attempts, is_guessable
from clawsite.web import sockets
from clawsite.web.address import address_of, is_direct_local
from clawsite.web.plain import Receive, Scope, Send, answer, answer_json, find_header
from clawsite.web.report import gauges, take_report

logger = logging.getLogger(__name__)

T = TypeVar("T")

CACHE_SECONDS = 1.0
CHECK_SECONDS = 3.0
REPORT_SECONDS = 5.0


class Shared(Generic[T]):
    """One answer for everybody who asks at the same time, kept for a moment. A slow check is asked once only."""

    def __init__(self, ask: Callable[[], Awaitable[T]], *, seconds: float, limit: float) -> None:
        self._ask = ask
        self._seconds = seconds
        self._limit = limit
        self._task: asyncio.Task[T] | None = None
        self._asked_at = 0.0

    async def get(self) -> T:
        """Return the answer; TimeoutError when it takes longer than the limit."""
        old = time.monotonic() - self._asked_at > self._seconds
        if self._task is None or (self._task.done() and old):
            self._asked_at = time.monotonic()
            self._task = asyncio.create_task(self._run(), name="health check")
        return await asyncio.wait_for(asyncio.shield(self._task), self._limit)

    async def _run(self) -> T:
        return await self._ask()


class Health:
    """The answers of one web process."""

    def __init__(self) -> None:
        self._migrated = False
        self._started = False
        self._begun = time.monotonic()
        self._ready = Shared(self._check_database, seconds=CACHE_SECONDS, limit=CHECK_SECONDS)
        self._report = Shared(lambda: run_db(take_report), seconds=CACHE_SECONDS, limit=REPORT_SECONDS)

    async def live(self, scope: Scope, receive: Receive, send: Send) -> None:
        """GET /healthz."""
        await answer(send, 200, b"ok\n")

    async def ready(self, scope: Scope, receive: Receive, send: Send) -> None:
        """GET /readyz."""
        reason = await self._find_reason()
        await answer(send, 503 if reason else 200, f"{reason or 'ok'}\n".encode())

    async def startup(self, scope: Scope, receive: Receive, send: Send) -> None:
        """GET /startupz: like /readyz until that was true once."""
        self._started = self._started or not await self._find_reason()
        await answer(send, 200 if self._started else 503, b"ok\n" if self._started else b"starting\n")

    async def details(self, scope: Scope, receive: Receive, send: Send) -> None:
        """GET /health."""
        reason = await self._find_reason()
        value: dict[str, Any] = {"status": "unavailable" if reason else "ok"}
        if may_see_details(scope):
            value |= {
                "reason": reason,
                "version": settings.VERSION,
                "uptime": round(time.monotonic() - self._begun),
                "sockets": sockets.count_open(),
            }
            value |= await self._find_report()
        await answer_json(send, 503 if reason else 200, value)

    async def metrics(self, scope: Scope, receive: Receive, send: Send) -> None:
        """GET /metrics."""
        if not may_see_details(scope):
            await answer(send, 403, b"Only from this machine, or with CLAW_GATEWAY_TOKEN as bearer token.\n")
            return
        extra = gauges(await self._find_report())
        text = await asyncio.to_thread(scrape, extra)
        await answer(send, 200, text, content_type=CONTENT_TYPE_LATEST)

    async def _find_report(self) -> dict[str, Any]:
        try:
            return await self._report.get()
        except TimeoutError:
            return {"error": "the database does not answer in time", "database_up": False}
        except (OperationalError, InterfaceError):
            return {"error": "the database does not answer", "database_up": False}
        except Exception as error:
            return {"error": f"internal error {log_unknown(error, where='the health report')}"}

    async def _find_reason(self) -> str:
        """Return why we are not ready, or ""."""
        if sockets.is_draining():
            return "stopping"
        try:
            return await self._ready.get()
        except TimeoutError:
            return "the database does not answer in time"

    async def _check_database(self) -> str:
        try:
            return await run_db_first(self._ask_database)
        except Exception as error:
            logger.warning("the database does not answer: %s", type(error).__name__)
            return "the database does not answer"

    def _ask_database(self) -> str:
        if not self._migrated:
            if not is_migrated():
                return "migrations are missing; run manage.py migrate"
            self._migrated = True
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
        return ""


def may_see_details(scope: Scope) -> bool:
    """Tell whether a request comes straight from this machine, or brings the gateway token."""
    scheme, _, token = find_header(scope, "authorization").partition(" ")
    local = is_direct_local(scope)
    return local or (scheme.lower() == "bearer" and _is_right(token.strip(), address_of(scope)))


def _is_right(token: str, address: str) -> bool:
    """Tell whether this is the gateway's token. What may not be guessed there may not be guessed here."""
    if attempts.is_blocked(address) and is_guessable():
        return False
    right = same_secret(token, settings.CLAW_GATEWAY_TOKEN)
    if not right:
        attempts.fail(address, local=False)
    return right
