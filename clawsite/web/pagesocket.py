"""The life of a page's socket, whatever it shows: let in or told why not, closed once, cleaned up however it ends.

Only our own pages are let in, and none while the process stops. Nothing comes over a channel layer: a subclass says
what happens in between.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from typing import Any, ParamSpec, TypeVar, cast

from channels.exceptions import StopConsumer
from channels.generic.websocket import AsyncWebsocketConsumer
from django.conf import settings
from django.db import DatabaseError
from django.utils import translation

from clawsite.core.db import run_db
from clawsite.core.errors import log_unknown
from clawsite.core.jitter import jitter
from clawsite.web import sockets
from clawsite.web.chat.door import is_own_page
from clawsite.web.chat.identity import Visitor
from clawsite.web.plain import Scope

P = ParamSpec("P")
R = TypeVar("R")

DB_SECONDS = 10.0
# Why a socket is closed, beside sockets.RESTARTING.
NOBODY, FOREIGN, STALE, TOO_MANY = 4401, 4403, 4408, 4429


async def ask_db(language: str, work: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R:
    """Run database work in a language; TimeoutError when it takes so long that the socket would seem dead."""

    def in_language() -> R:
        with translation.override(language):
            return work(*args, **kwargs)

    async with asyncio.timeout(DB_SECONDS):
        return await run_db(in_language)


class PageSocket(AsyncWebsocketConsumer):
    """One open page. A subclass finds out whose it is, takes its frames, and lets go of what it held."""

    channel_layer_alias = "none"

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.closed = False

    # --- what a subclass says -------------------------------------------------------------------------------------
    def find(self, scope: Scope) -> Visitor | None:
        """Return whose page this is, None for somebody who may not see it. In the database thread."""
        raise NotImplementedError

    def seat(self, visitor: Visitor) -> bool:
        """Begin to show them something; False when there is no room."""
        raise NotImplementedError

    def leave(self) -> None:
        """Let go of everything. May be called before `seat`, and more than once."""
        raise NotImplementedError

    # --- life -----------------------------------------------------------------------------------------------------
    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Run until the socket ends; clean up however that happens."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            self.closed = True
            self.leave()
            sockets.unregister(self)

    async def dispatch(self, message: Mapping[str, Any]) -> None:
        """Handle one event of the server, without the framework's look at database threads that we do not use."""
        match message["type"]:
            case "websocket.connect":
                await self.connect()
            case "websocket.receive" if not self.closed:
                await self.receive(message.get("text"), message.get("bytes"))
            case "websocket.receive":
                return
            case _:
                raise StopConsumer

    async def connect(self) -> None:
        """Accept, then say by the close code what is wrong, if something is."""
        await self.accept()
        scope = cast(Scope, self.scope)
        if sockets.is_draining():
            await self.end(sockets.RESTARTING)
        elif not is_own_page(scope):
            await self.end(FOREIGN)
        else:
            await self._let_in(scope)

    async def _let_in(self, scope: Scope) -> None:
        """Find out who this is and make room for them. Nobody takes room away before they are known."""
        try:
            visitor = await ask_db(settings.LANGUAGE_CODE, self.find, scope)
        except (DatabaseError, TimeoutError) as error:
            log_unknown(error, where="opening a page's socket")
            await self.end(sockets.RESTARTING)
            return
        if visitor is None:
            await self.end(NOBODY)
        elif not self.seat(visitor):
            await self.end(TOO_MANY)
        else:
            sockets.register(self)

    async def end(self, code: int) -> None:
        """Close with a code, once. What is shown may be the caller, so that ends last."""
        if not self.closed:
            self.closed = True
            await self.close(code)
            self.leave()

    async def close_for_restart(self, code: int) -> None:
        """Tell the page when to come back, and close."""
        await self.push({"t": "restart", "retry": round(jitter(2500, spread=0.8))})
        await self.end(code)

    # --- out ------------------------------------------------------------------------------------------------------
    async def push(self, frame: dict[str, Any]) -> None:
        """Send one frame, unless the socket is closed."""
        if not self.closed:
            await self.send(text_data=self.write(frame))

    def write(self, frame: dict[str, Any]) -> str:
        """Return a frame as it is sent."""
        return json.dumps(frame, ensure_ascii=False, separators=(",", ":"))
