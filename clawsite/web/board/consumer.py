"""The socket of the dashboard. It tells what the page shows now, every few seconds, and draws ranges when asked.

Only staff is let in, and looked at again with each telling: who is not staff any more is not told anything more.
What is told is shared by all pages (`figures`, `history`), so an open page costs the writing of a few kilobytes.
"""

from __future__ import annotations

import asyncio
import json
import time
from typing import Any, cast

from django.template.loader import render_to_string
from django.utils import translation

from clawsite.core.db import run_db
from clawsite.core.errors import log_unknown
from clawsite.core.models import User
from clawsite.web.board.figures import show
from clawsite.web.board.history import RANGES, USUAL, read_history
from clawsite.web.chat.door import find_sitter
from clawsite.web.chat.flow import Bucket
from clawsite.web.chat.identity import Visitor
from clawsite.web.pagesocket import NOBODY, TOO_MANY, PageSocket
from clawsite.web.plain import Scope

EVERY_SECONDS = 3.0
HISTORY_SECONDS = 20.0
# Open pages of one process; each is told the same.
MOST = 100
MAX_BYTES = 1000
RATE, BURST = 2.0, 10.0

_open: set[BoardConsumer] = set()


class BoardConsumer(PageSocket):
    """One open page."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._bucket = Bucket(RATE, BURST, time.monotonic())
        self._hours = USUAL
        self._asked = asyncio.Event()
        self._teller: asyncio.Task[None] | None = None

    def find(self, scope: Scope) -> Visitor | None:
        """Return the member of staff whose session this is."""
        visitor = find_sitter(scope)
        if visitor is None or visitor.user_id is None:
            return None
        is_staff = User.objects.filter(pk=visitor.user_id, is_active=True, is_staff=True).exists()
        return visitor if is_staff else None

    def seat(self, visitor: Visitor) -> bool:
        """Begin to tell."""
        if len(_open) >= MOST:
            return False
        _open.add(self)
        self._teller = asyncio.create_task(self._tell_on(), name="dashboard")
        return True

    def leave(self) -> None:
        """Tell nothing more."""
        _open.discard(self)
        if self._teller is not None:
            self._teller.cancel()

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        """Take the range that the page wants to see; whatever else is said closes the socket."""
        if not self._bucket.take(time.monotonic()):
            await self.end(TOO_MANY)
            return
        try:
            hours = json.loads((text_data or "")[:MAX_BYTES])["hours"]
        except (ValueError, TypeError, KeyError, RecursionError):
            hours = None
        if type(hours) is int and hours in RANGES:
            self._hours = hours
            self._asked.set()
        else:
            await self.end(TOO_MANY)

    async def _tell_on(self) -> None:
        """Tell again and again; an error costs one telling, because a page without news looks like a good one."""
        drawn_at = 0.0
        while not self.closed:
            try:
                visitor = await run_db(self.find, cast(Scope, self.scope))
                if visitor is None:
                    await self.end(NOBODY)
                    return
                if self._asked.is_set() or time.monotonic() - drawn_at > HISTORY_SECONDS:
                    self._asked.clear()
                    await self.push({"t": "history", **await run_db(read_history, self._hours)})
                    drawn_at = time.monotonic()
                await self.push({"t": "figures", "html": await run_db(render, visitor.language)})
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


def render(language: str) -> str:
    """Return the part of the page that changes, in a language."""
    with translation.override(language):
        return render_to_string("web/figures.html", show())
