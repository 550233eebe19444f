"""The socket of the chat page. Glue: frames in, rows out; what it may show follows from who the visitor is.

Truth is rows: the socket reads what is new after the last message it sent, when nudged and every five seconds. Streamed
text is passed on while its turn runs and may be lost. Whatever goes wrong is answered by a frame and leaves the socket
open; however it ends, its tasks end with it.
"""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections.abc import Callable
from http.cookies import CookieError, SimpleCookie
from typing import Any, ParamSpec, TypeVar

from channels.generic.websocket import AsyncWebsocketConsumer
from django.conf import settings
from django.db import DatabaseError
from django.utils import translation
from django.utils.translation import gettext as _

from bots.commands.registry import command_hints
from clawsite.core.db import run_db
from clawsite.core.errors import BadInput, ClawError, log_unknown
from clawsite.core.nudge import nudge
from clawsite.web import sockets
from clawsite.web.address import address_of
from clawsite.web.chat import frames
from clawsite.web.chat.flow import Bucket, Window
from clawsite.web.chat.history import News, read_news, read_older
from clawsite.web.chat.hub import hub
from clawsite.web.chat.identity import Visitor, admit_staff, load_visitor
from clawsite.web.chat.store import store_message, store_press
from clawsite.web.hosts import is_allowed_host, normalize_origin, own_origins
from clawsite.web.plain import find_header
from sessions_app.models import Contact

P = ParamSpec("P")
R = TypeVar("R")

POLL_SECONDS = 5.0
WATCH_SECONDS = 10.0
CHECK_SECONDS = 300.0
STORE_SECONDS = 10.0
RATE, BURST, VIOLATIONS = 20.0, 40.0, 3

NOBODY, FOREIGN, STALE, TOO_MANY = 4401, 4403, 4408, 4429


class ChatConsumer(AsyncWebsocketConsumer):  # type: ignore[misc]
    """One open page."""

    # Nothing comes over a channel layer: nudges wake us, rows tell.
    channel_layer_alias = "none"

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.address, self.visitor_id = "", ""
        self.session_id: int | None = None
        self.contact_id: int | None = None
        self.wrote_at = 0.0
        self.visitor: Visitor | None = None
        self.window = Window()
        self.bucket = Bucket(RATE, BURST, time.monotonic())
        self._violations = 0
        self._last_seq: int | None = None
        self._access = ""
        self._running: frozenset[int] = frozenset()
        self._delta: dict[str, Any] | None = None
        self._typing = False
        self._stale, self._doubted = True, False
        self._wake = asyncio.Event()
        self._pump: asyncio.Task[None] | None = None
        self._checked_at = self._watched_at = 0.0
        self._closed = False

    # --- life -----------------------------------------------------------------------------------------------------
    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Run until the socket ends; clean up however that happens."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._closed = True
            if self._pump is not None:
                self._pump.cancel()
            hub.leave(self)
            sockets.unregister(self)

    async def dispatch(self, message: dict[str, Any]) -> None:
        """Handle one event of the server, without the framework's look at database threads that we do not use."""
        kind = message["type"]
        if kind == "websocket.connect":
            await self.connect()
        elif kind == "websocket.receive":
            await self.receive(message.get("text"), message.get("bytes"))
        else:
            await super().websocket_disconnect(message)

    async def connect(self) -> None:
        """Accept, then say by the close code what is wrong, if something is."""
        await self.accept()
        if sockets.is_draining():
            await self._end(sockets.RESTARTING)
        elif not self._is_ours():
            await self._end(FOREIGN)
        elif not await self._identify():
            await self._end(NOBODY)
        elif not hub.admit(self):
            await self._end(TOO_MANY)
        else:
            sockets.register(self)
            self._checked_at = time.monotonic()

    def _is_ours(self) -> bool:
        origin = normalize_origin(find_header(self.scope, "origin"))
        return is_allowed_host(find_header(self.scope, "host")) and origin in own_origins(self.scope)

    async def _identify(self) -> bool:
        """Find out who this is; False for nobody. A database that does not answer is nobody for now."""
        self.address = address_of(self.scope)
        try:
            self.visitor = await self._db(self._load_visitor)
            if self.visitor is not None:
                self.visitor_id = self.visitor.external_id
                await self._db(admit_staff, self.visitor)
        except (DatabaseError, TimeoutError) as error:
            log_unknown(error, where="opening a chat")
            return False
        return self.visitor is not None

    def _load_visitor(self) -> Visitor | None:
        try:
            cookies = SimpleCookie(find_header(self.scope, "cookie"))
        except CookieError:
            return None
        key = cookies.get(settings.SESSION_COOKIE_NAME)
        language = cookies.get(settings.LANGUAGE_COOKIE_NAME)
        if key is None or not key.value:
            return None
        return load_visitor(
            key.value,
            language_cookie=language.value if language else "",
            accept_language=find_header(self.scope, "accept-language"),
        )

    async def _end(self, code: int) -> None:
        """Close with a code, once."""
        if not self._closed:
            self._closed = True
            await self.close(code)

    async def close_for_restart(self, code: int) -> None:
        """Tell the page when to come back, and close."""
        await self._push({"t": "restart", "retry": random.randint(500, 5000)})
        await self._end(code)

    # --- in -------------------------------------------------------------------------------------------------------
    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        """Answer one frame; an error is a frame too."""
        if self._closed:
            return
        if not self.bucket.take(time.monotonic()):
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
        assert self.visitor is not None
        match frame:
            case frames.Hello():
                await self._greet(frame.last_seq)
            case frames.Send() | frames.Callback():
                await self._store(frame)
            case frames.Older():
                rows, more = await self._db(read_older, self.visitor, before=frame.before)
                await self._push({"t": "older", "messages": rows, "more": more})
            case frames.Ack():
                self.window.acked(frame.n)
            case frames.Ping():
                await self._push({"t": "pong"})

    async def _greet(self, last_seq: int) -> None:
        """Start to show: everything after what the page has."""
        self._last_seq = last_seq or None
        self._access = ""
        self._stale = True
        if self._pump is None:
            self._pump = asyncio.create_task(self._run_pump(), name="chat pump")
        self._wake.set()

    async def _store(self, frame: frames.Send | frames.Callback) -> None:
        assert self.visitor is not None
        if self._access != Contact.State.APPROVED and not hub.may_stranger_write(self.address):
            with translation.override(self.visitor.language):
                raise BadInput(_("Please wait a moment before you write again."), retryable=False)
        self.wrote_at = time.monotonic()
        if isinstance(frame, frames.Send):
            await self._db(store_message, self.visitor, frame)
        else:
            await self._db(store_press, self.visitor, frame)
        await self._push({"t": "ack", "id": frame.id})

    async def _db(self, work: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R:
        """Run database work in the visitor's language, for at most so long that the socket does not seem dead."""
        language = self.visitor.language if self.visitor else settings.LANGUAGE_CODE

        def in_language() -> R:
            with translation.override(language):
                return work(*args, **kwargs)

        async with asyncio.timeout(STORE_SECONDS):
            return await run_db(in_language)

    # --- out ------------------------------------------------------------------------------------------------------
    def look(self) -> None:
        """Look at the rows soon."""
        self._stale = True
        self._wake.set()

    def check(self) -> None:
        """Look soon whether the visitor still is who they were."""
        self._doubted = True
        self.look()

    def show(self, data: dict[str, Any]) -> None:
        """Keep the newest streamed text for the pump."""
        self._delta = data
        self._stale = self._stale or data.get("turn") not in self._running
        self._wake.set()

    def show_typing(self) -> None:
        """Let the pump say that the bot is at work."""
        self._typing = True
        self._wake.set()

    async def _run_pump(self) -> None:
        """Push what is new until the socket ends; errors are waited out."""
        pause = POLL_SECONDS
        while not self._closed:
            try:
                await self._round()
                pause = POLL_SECONDS
            except asyncio.CancelledError:
                raise
            except Exception as error:
                log_unknown(error, where="showing a chat")
                pause = min(pause * 2, 60.0)
                await asyncio.sleep(random.uniform(0.5, 1.5))
            try:
                async with asyncio.timeout(pause * random.uniform(0.9, 1.1)):
                    await self._wake.wait()
            except TimeoutError:
                self._stale = True
            self._wake.clear()

    async def _round(self) -> None:
        now = time.monotonic()
        if self.window.is_lost(now):
            await self._end(STALE)
            return
        if self._doubted or now - self._checked_at > CHECK_SECONDS:
            self._doubted, self._checked_at = False, now
            if await self._db(self._load_visitor) != self.visitor:
                await self._end(NOBODY)
                return
        if self._stale:
            self._stale = False
            await self._look()
        await self._pass_on()
        if self.session_id is not None and now - self._watched_at > WATCH_SECONDS:
            self._watched_at = now
            nudge("watch", session=self.session_id)

    async def _look(self) -> None:
        assert self.visitor is not None
        try:
            news = await self._db(read_news, self.visitor, after=self._last_seq)
        except BaseException:
            self._stale = True
            raise
        if news.session_id is not None and self.session_id is None:
            self.session_id = news.session_id
            hub.place(self)
        self.contact_id = news.contact_id
        await self._tell_access(news)
        if self._closed:
            return
        if news.messages or news.restart:
            self._last_seq = news.messages[-1]["seq"] if news.messages else self._last_seq
            fields = {"messages": list(news.messages), "restart": news.restart, "more": news.more}
            await self._push({"t": "messages", **fields})
        if news.running != self._running or news.messages:
            await self._push({"t": "busy", "busy": bool(news.running)})
        if news.draft and news.draft[0] not in self._running and self._delta is None:
            await self._push({"t": "delta", "turn": news.draft[0], "text": news.draft[1]})
        self._running = news.running

    async def _tell_access(self, news: News) -> None:
        """Say at first, and whenever it changes, what the visitor is to us. Who is blocked is shown nothing."""
        if news.access == Contact.State.BLOCKED:
            await self._push({"t": "access", "access": news.access})
            await self._end(FOREIGN)
        elif news.access != self._access:
            before, self._access = self._access, news.access
            fields: dict[str, Any] = {"access": news.access, "role": news.role, "changed": bool(before)}
            if news.access == Contact.State.APPROVED:
                fields["hints"] = self._hints()
            await self._push({"t": "access", **fields})

    def _hints(self) -> list[dict[str, str]]:
        assert self.visitor is not None
        by_language = command_hints()
        rows = by_language.get(self.visitor.language.partition("-")[0], by_language.get("", []))
        return [{"name": row.name, "text": row.description} for row in rows]

    async def _pass_on(self) -> None:
        """Pass on the newest streamed text, if its turn still runs and the page keeps up."""
        delta, self._delta = self._delta, None
        typing, self._typing = self._typing, False
        if delta is not None and delta.get("turn") in self._running and not self.window.is_slow():
            await self._push({"t": "delta", "turn": delta["turn"], "text": str(delta.get("text", ""))})
        elif typing:
            await self._push({"t": "typing"})

    async def _push(self, frame: dict[str, Any]) -> None:
        if self._closed:
            return
        self.window.n += 1
        text = json.dumps({**frame, "n": self.window.n}, ensure_ascii=False, separators=(",", ":"))
        self.window.sent(len(text), time.monotonic())
        await self.send(text_data=text)
