"""The socket of the chat page. Glue: frames in, rows out; what it may show follows from who the visitor is.

Whatever goes wrong with a frame is answered by a frame and leaves the socket open; however the socket ends, its feed
ends with it.
"""

from __future__ import annotations

import time
from functools import partial
from typing import Any, cast

from django.db import DatabaseError
from django.utils import translation
from django.utils.translation import gettext as _

from clawsite.core.errors import BadInput, ClawError, NotAllowed, log_unknown
from clawsite.web.address import address_of
from clawsite.web.chat import frames
from clawsite.web.chat.door import find_sitter, let_in
from clawsite.web.chat.feed import Feed
from clawsite.web.chat.flow import Bucket, Window
from clawsite.web.chat.history import read_older
from clawsite.web.chat.hub import hub
from clawsite.web.chat.identity import Visitor
from clawsite.web.chat.store import store_message, store_press
from clawsite.web.pagesocket import TOO_MANY, PageSocket, ask_db
from clawsite.web.plain import Scope
from guardrails.rates import find_rate
from sessions_app.models import Contact

VIOLATIONS = 3


def _frames() -> Bucket:
    """Return the bucket that one socket's frames come out of."""
    rate = find_rate("chat.frame")
    per_second = rate.count / rate.seconds
    return Bucket(per_second, 2 * per_second, time.monotonic())


class ChatConsumer(PageSocket):
    """One open page: nudges wake its feed, rows tell."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._window = Window()
        self._bucket = _frames()
        self._violations = 0
        self._feed: Feed | None = None

    # --- life -----------------------------------------------------------------------------------------------------
    def find(self, scope: Scope) -> Visitor | None:
        """Return whom the session stands for; a member of staff gets their contact."""
        return let_in(scope)

    def seat(self, visitor: Visitor) -> bool:
        """Open a feed for them."""
        scope = cast(Scope, self.scope)
        feed = Feed(
            visitor,
            address=address_of(scope),
            window=self._window,
            push=self.push,
            end=self.end,
            find_sitter=partial(find_sitter, scope),
        )
        if not hub.admit(feed):
            return False
        self._feed = feed
        return True

    def leave(self) -> None:
        """End the feed."""
        if self._feed is not None:
            self._feed.close()

    # --- in -------------------------------------------------------------------------------------------------------
    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        """Answer one frame; an error is a frame too."""
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
            await self.end(TOO_MANY)
        else:
            await self._complain("too_often", "Too many frames.", "")

    async def _complain(self, code: str, message: str, frame_id: str, *, retry: bool = False) -> None:
        await self.push({"t": "error", "code": code, "message": message, "id": frame_id, "retry": retry})

    async def _handle(self, frame: frames.Frame) -> None:
        if self._feed is None:
            raise NotAllowed("This socket belongs to nobody.")
        match frame:
            case frames.Hello():
                self._feed.begin(frame.last_seq, sent=frame.sent)
            case frames.Send() | frames.Callback():
                await self._store(self._feed, frame)
            case frames.Older():
                visitor = self._feed.visitor
                rows, more = await ask_db(visitor.language, read_older, visitor, before=frame.before)
                await self.push({"t": "older", "messages": rows, "more": more})
            case frames.Ack():
                self._window.acked(frame.n)
            case frames.Ping():
                await self.push({"t": "pong"})

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
        await self.push({"t": "ack", "id": frame.id})
        feed.follow(frame.id)

    # --- out ------------------------------------------------------------------------------------------------------
    def write(self, frame: dict[str, Any]) -> str:
        """Number a frame, for the page to acknowledge."""
        self._window.n += 1
        text = super().write({**frame, "n": self._window.n})
        self._window.sent(len(text), time.monotonic())
        return text
