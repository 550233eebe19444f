"""The socket of the chat page. Glue: frames in, rows out; what it may show follows from who the visitor is.

Whatever goes wrong with a frame is answered by a frame and leaves the socket open; however the socket ends, its feed
ends with it.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from functools import partial
from typing import Any, cast

from channels.exceptions import StopConsumer
from channels.generic.websocket import AsyncWebsocketConsumer
from django.conf import settings
from django.db import DatabaseError
from django.utils import translation
from django.utils.translation import gettext as _

from clawsite.core.errors import BadInput, ClawError, NotAllowed, log_unknown
from clawsite.core.jitter import jitter
from clawsite.web import sockets
from clawsite.web.address import address_of
from clawsite.web.chat import frames
from clawsite.web.chat.door import find_sitter, is_own_page, let_in
from clawsite.web.chat.feed import FOREIGN, NOBODY, TOO_MANY, Feed, ask_db
from clawsite.web.chat.flow import Bucket, Window
from clawsite.web.chat.history import read_older
from clawsite.web.chat.hub import hub
from clawsite.web.chat.store import store_message, store_press
from clawsite.web.plain import Scope
from guardrails.rates import find_rate
from sessions_app.models import Contact

VIOLATIONS = 3


def _frames() -> Bucket:
    """Return the bucket that one socket's frames come out of."""
    rate = find_rate("chat.frame")
    per_second = rate.count / rate.seconds
    return Bucket(per_second, 2 * per_second, time.monotonic())


class ChatConsumer(AsyncWebsocketConsumer):
    """One open page."""

    # Nothing comes over a channel layer: nudges wake the feed, rows tell.
    channel_layer_alias = "none"

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._window = Window()
        self._bucket = _frames()
        self._violations = 0
        self._feed: Feed | None = None
        self._closed = False

    # --- life -----------------------------------------------------------------------------------------------------
    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Run until the socket ends; clean up however that happens."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._closed = True
            if self._feed is not None:
                self._feed.close()
            sockets.unregister(self)

    async def dispatch(self, message: Mapping[str, Any]) -> None:
        """Handle one event of the server, without the framework's look at database threads that we do not use."""
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
        else:
            await self._seat(scope)

    async def _seat(self, scope: Scope) -> None:
        """Find out who this is and make room for them."""
        try:
            visitor = await ask_db(settings.LANGUAGE_CODE, let_in, scope)
        except (DatabaseError, TimeoutError) as error:
            log_unknown(error, where="opening a chat")
            await self._end(sockets.RESTARTING)
            return
        if visitor is None:
            await self._end(NOBODY)
            return
        feed = Feed(
            visitor,
            address=address_of(scope),
            window=self._window,
            push=self._push,
            end=self._end,
            find_sitter=partial(find_sitter, scope),
        )
        if not hub.admit(feed):
            await self._end(TOO_MANY)
            return
        self._feed = feed
        sockets.register(self)

    async def _end(self, code: int) -> None:
        """Close with a code, once. The feed may be the caller, so it ends last."""
        if not self._closed:
            self._closed = True
            await self.close(code)
            if self._feed is not None:
                self._feed.close()

    async def close_for_restart(self, code: int) -> None:
        """Tell the page when to come back, and close."""
        await self._push({"t": "restart", "retry": round(jitter(2500, spread=0.8))})
        await self._end(code)

    # --- in -------------------------------------------------------------------------------------------------------
    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        """Answer one frame; an error is a frame too."""
        if self._closed:
            return
        if not self._bucket.take(time.monotonic()):
            await self._violate()
            return
        text = text_data if isinstance(text_data, str) else ""
        try:
            if len(text.encode("utf-8", "surrogatepass")) > frames.MAX_BYTES:
                raise BadInput("A frame may have 64 KB.")
            await self._handle(frames.parse_frame(text))
        except ClawError as error:
            await self._complain(error.code, error.message, frames.find_id(text), retry=error.retryable)
        except (DatabaseError, TimeoutError, OSError) as error:
            error_id = log_unknown(error, where="a chat frame")
            await self._complain("unavailable", error_id, frames.find_id(text), retry=True)
        except Exception as error:
            await self._complain("internal", log_unknown(error, where="a chat frame"), frames.find_id(text))

    async def _violate(self) -> None:
        self._violations += 1
        if self._violations >= VIOLATIONS:
            await self._end(TOO_MANY)
        else:
            await self._complain("too_often", "Too many frames.", "")

    async def _complain(self, code: str, message: str, frame_id: str, *, retry: bool = False) -> None:
        await self._push({"t": "error", "code": code, "message": message, "id": frame_id, "retry": retry})

    async def _handle(self, frame: frames.Frame) -> None:
        if self._feed is None:
            raise NotAllowed("This socket belongs to nobody.")
        match frame:
            case frames.Hello():
                self._feed.begin(frame.last_seq)
            case frames.Send() | frames.Callback():
                await self._store(self._feed, frame)
            case frames.Older():
                visitor = self._feed.visitor
                rows, more = await ask_db(visitor.language, read_older, visitor, before=frame.before)
                await self._push({"t": "older", "messages": rows, "more": more})
            case frames.Ack():
                self._window.acked(frame.n)
            case frames.Ping():
                await self._push({"t": "pong"})

    async def _store(self, feed: Feed, frame: frames.Send | frames.Callback) -> None:
        """Have the row committed, and say so."""
        visitor = feed.visitor
        if feed.access != Contact.State.APPROVED and not hub.may_stranger_write(feed.address):
            with translation.override(visitor.language):
                raise BadInput(_("Please wait a moment before you write again."))
        hub.expect(feed.visitor_id)
        if isinstance(frame, frames.Send):
            await ask_db(visitor.language, store_message, visitor, frame)
        else:
            await ask_db(visitor.language, store_press, visitor, frame)
        await self._push({"t": "ack", "id": frame.id})

    # --- out ------------------------------------------------------------------------------------------------------
    async def _push(self, frame: dict[str, Any]) -> None:
        """Send one numbered frame, for the page to acknowledge."""
        if self._closed:
            return
        self._window.n += 1
        text = json.dumps({**frame, "n": self._window.n}, ensure_ascii=False, separators=(",", ":"))
        self._window.sent(len(text), time.monotonic())
        await self.send(text_data=text)
