"""The socket of the dashboard. It tells what the page shows now, every few seconds, and draws ranges when asked.

Only staff is let in, and looked at again with each telling: who is not staff any more is not told anything more.
What is told is shared by all pages (`figures`, `history`), so an open page costs the writing of a few kilobytes.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Mapping
from typing import Any, cast

from channels.exceptions import StopConsumer
from channels.generic.websocket import AsyncWebsocketConsumer
from django.template.loader import render_to_string
from django.utils import translation

from clawsite.core.db import run_db
from clawsite.core.errors import log_unknown
from clawsite.core.jitter import jitter
from clawsite.core.models import User
from clawsite.web import sockets
from clawsite.web.board.figures import show
from clawsite.web.board.history import RANGES, USUAL, read_history
from clawsite.web.chat.door import find_sitter, is_own_page
from clawsite.web.chat.feed import FOREIGN, NOBODY, TOO_MANY
from clawsite.web.chat.flow import Bucket
from clawsite.web.plain import Scope

EVERY_SECONDS = 3.0
HISTORY_SECONDS = 20.0
# Open pages of one process; each is told the same.
MOST = 100
MAX_BYTES = 1000
RATE, BURST = 2.0, 10.0

_open: set[BoardConsumer] = set()


class BoardConsumer(AsyncWebsocketConsumer):
    """One open page."""

    channel_layer_alias = "none"

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._bucket = Bucket(RATE, BURST, time.monotonic())
        self._hours = USUAL
        self._asked = asyncio.Event()
        self._teller: asyncio.Task[None] | None = None
        self._closed = False

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Run until the socket ends; clean up however that happens."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._closed = True
            if self._teller is not None:
                self._teller.cancel()
            _open.discard(self)
            sockets.unregister(self)

    async def dispatch(self, message: Mapping[str, Any]) -> None:
        """Handle one event of the server."""
        match message["type"]:
            case "websocket.connect":
                await self.connect()
            case "websocket.receive":
                await self.receive(message.get("text"), message.get("bytes"))
            case _:
                raise StopConsumer

    async def connect(self) -> None:
        """Accept, then say by the close code what is wrong, if something is."""
        await self.accept()
        scope = cast(Scope, self.scope)
        if sockets.is_draining():
            await self._end(sockets.RESTARTING)
        elif not is_own_page(scope):
            await self._end(FOREIGN)
        elif len(_open) >= MOST:
            await self._end(TOO_MANY)
        else:
            _open.add(self)
            sockets.register(self)
            self._teller = asyncio.create_task(self._tell_on(), name="dashboard")

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        """Take the range that the page wants to see; whatever else is said closes the socket."""
        if not self._bucket.take(time.monotonic()):
            await self._end(TOO_MANY)
            return
        try:
            hours = json.loads((text_data or "")[:MAX_BYTES])["hours"]
        except (ValueError, TypeError, KeyError):
            hours = None
        if type(hours) is int and hours in RANGES:
            self._hours = hours
            self._asked.set()
        else:
            await self._end(TOO_MANY)

    async def close_for_restart(self, code: int) -> None:
        """Tell the page when to come back, and close."""
        await self._push({"t": "restart", "retry": round(jitter(2500, spread=0.8))})
        await self._end(code)

    async def _tell_on(self) -> None:
        """Tell again and again; an error costs one telling, because a page without news looks like a good one."""
        drawn_at = 0.0
        while not self._closed:
            try:
                language = await run_db(self._find_language)
                if not language:
                    await self._end(NOBODY)
                    return
                if self._asked.is_set() or time.monotonic() - drawn_at > HISTORY_SECONDS:
                    self._asked.clear()
                    await self._push({"t": "history", **await run_db(read_history, self._hours)})
                    drawn_at = time.monotonic()
                await self._push({"t": "figures", "html": await run_db(render, language)})
            except Exception as error:
                log_unknown(error, where="the dashboard")
            await self._pause()

    async def _pause(self) -> None:
        """Wait for the next telling, which is at once when the page asks for another range."""
        try:
            async with asyncio.timeout(EVERY_SECONDS):
                await self._asked.wait()
        except TimeoutError:
            return

    def _find_language(self) -> str:
        """Return the language of the member of staff whose session this is; "" for everybody else."""
        visitor = find_sitter(cast(Scope, self.scope))
        if visitor is None or visitor.user_id is None:
            return ""
        known = User.objects.filter(pk=visitor.user_id, is_active=True, is_staff=True).exists()
        return visitor.language if known else ""

    async def _push(self, frame: dict[str, Any]) -> None:
        if not self._closed:
            await self.send(text_data=json.dumps(frame, ensure_ascii=False, separators=(",", ":")))

    async def _end(self, code: int) -> None:
        if not self._closed:
            self._closed = True
            _open.discard(self)
            await self.close(code)


def render(language: str) -> str:
    """Return the part of the page that changes, in a language."""
    with translation.override(language):
        return render_to_string("web/figures.html", show())
