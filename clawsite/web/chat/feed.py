"""What one open page is shown: what is new in its session, whether a turn runs, and the text that is being written.

Truth is rows: the feed reads what is new after the last message it pushed, when nudged and every five seconds. Streamed
text is passed on while its turn runs and may be lost; the newest replaces what was not pushed yet.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from bots.commands.registry import command_hints
from clawsite.core.errors import log_unknown
from clawsite.core.jitter import jitter
from clawsite.core.nudge import nudge
from clawsite.web.chat.flow import Window
from clawsite.web.chat.frames import MAX_SENT
from clawsite.web.chat.history import News, read_news
from clawsite.web.chat.hub import hub
from clawsite.web.chat.identity import Visitor
from clawsite.web.pagesocket import FOREIGN, NOBODY, STALE, ask_db
from guardrails.types import Role
from sessions_app.models import Attachment, Contact

POLL_SECONDS = 5.0
LONGEST_POLL_SECONDS = 60.0
WATCH_SECONDS = 10.0
CHECK_SECONDS = 300.0

Push = Callable[[dict[str, Any]], Awaitable[None]]
End = Callable[[int], Awaitable[None]]


class Feed:
    """One page's view of its session; the hub knows it by these fields."""

    def __init__(
        self,
        visitor: Visitor,
        *,
        address: str,
        window: Window,
        push: Push,
        end: End,
        find_sitter: Callable[[], Visitor | None],
    ) -> None:
        self.visitor, self.address, self.visitor_id = visitor, address, visitor.external_id
        self.session_id: int | None = None
        self.contact_id: int | None = None
        self.wrote_at = 0.0
        self.access = self._role = ""
        self._window, self._push, self._end, self._find_sitter = window, push, end, find_sitter
        self._last_seq: int | None = None
        self._running: frozenset[int] = frozenset()
        self._cards: Mapping[int, int] = {}
        self._coming: frozenset[int] | None = frozenset()
        self._sent: dict[str, None] = {}
        self._delta: dict[str, Any] | None = None
        self._typing = False
        self._stale, self._doubted = True, False
        self._wake = asyncio.Event()
        self._checked_at, self._watched_at = time.monotonic(), 0.0
        self._task: asyncio.Task[None] | None = None

    # --- what the hub and the socket say --------------------------------------------------------------------------
    def begin(self, last_seq: int, *, sent: Sequence[str] = ()) -> None:
        """Start to show everything after what the page has (0: nothing); again when it asks again."""
        for frame_id in sent:
            self.follow(frame_id)
        self._last_seq = last_seq or None
        self.access, self._role, self._running = "", "", frozenset()
        self._coming = None if last_seq else frozenset()
        if self._task is None:
            self._task = asyncio.create_task(self._run(), name="chat feed")
        self.look()

    def close(self) -> None:
        """End; safe to call twice."""
        hub.leave(self)
        if self._task is not None:
            self._task.cancel()

    def look(self) -> None:
        """Look at the rows soon."""
        self._stale = True
        self._wake.set()

    def check(self) -> None:
        """Look soon whether the visitor still is who they were."""
        self._doubted = True
        self.look()

    def follow(self, frame_id: str) -> None:
        """Tell the page when what it was told is taken turns out to be too much at once."""
        self._sent[frame_id] = None
        if len(self._sent) > MAX_SENT:
            del self._sent[next(iter(self._sent))]

    def show(self, data: dict[str, Any]) -> None:
        """Keep the newest streamed text. Of a turn that is not known to run, the rows are asked first."""
        self._delta = data
        self._stale = self._stale or data.get("turn") not in self._running
        self._wake.set()

    def show_typing(self) -> None:
        """Say soon that the bot is at work."""
        self._typing = True
        self._wake.set()

    # --- the loop -------------------------------------------------------------------------------------------------
    async def _run(self) -> None:
        """Push what is new until cancelled; errors are waited out, longer each time."""
        pause = POLL_SECONDS
        while True:
            self._wake.clear()
            try:
                await self._round()
                pause = POLL_SECONDS
            except Exception as error:
                log_unknown(error, where="showing a chat")
                pause = min(pause * 2, LONGEST_POLL_SECONDS)
                await asyncio.sleep(jitter(1.0))
            try:
                async with asyncio.timeout(jitter(pause)):
                    await self._wake.wait()
            except TimeoutError:
                self._stale = True

    async def _round(self) -> None:
        now = time.monotonic()
        if self._window.is_lost(now):
            await self._end(STALE)
            return
        if self._doubted or now - self._checked_at > CHECK_SECONDS:
            await self._check(now)
        if self._stale:
            await self._look()
        await self._pass_on()
        if self.session_id is not None and now - self._watched_at > WATCH_SECONDS:
            self._watched_at = now
            nudge("watch", session=self.session_id)

    async def _check(self, now: float) -> None:
        """End when the session cookie stands for somebody else by now, or for nobody."""
        if await ask_db(self.visitor.language, self._find_sitter) != self.visitor:
            await self._end(NOBODY)
        self._doubted, self._checked_at = False, now

    async def _look(self) -> None:
        self._stale = False
        try:
            news = await ask_db(
                self.visitor.language,
                read_news,
                self.visitor,
                after=self._last_seq,
                cards=self._cards,
                coming=self._coming,
                sent=tuple(self._sent),
            )
        except BaseException:
            self._stale = True
            raise
        self.contact_id = news.contact_id
        if news.session_id is not None and self.session_id is None:
            self.session_id = news.session_id
            hub.place(self)
        await self._tell_access(news)
        await self._tell_messages(news)
        await self._tell_changed(news)
        await self._tell_refused(news)
        self._running = news.running

    async def _tell_access(self, news: News) -> None:
        """Say at first, and whenever it changes, what the visitor is to us, and may do. Who is blocked sees nothing."""
        if (news.access, news.role) == (self.access, self._role):
            return
        changed = bool(self.access) and news.access != self.access
        self.access, self._role = news.access, news.role
        fields: dict[str, Any] = {"access": news.access, "role": news.role, "changed": changed}
        if news.access == Contact.State.APPROVED:
            fields["hints"] = self._hints(Role(news.role))
        await self._push({"t": "access", **fields})
        if news.access == Contact.State.BLOCKED:
            await self._end(FOREIGN)

    def _hints(self, role: Role) -> list[dict[str, str]]:
        by_language = command_hints(role)
        rows = by_language.get(self.visitor.language.partition("-")[0], by_language.get("", []))
        return [{"name": row.name, "text": row.description} for row in rows]

    async def _tell_messages(self, news: News) -> None:
        if news.messages or news.restart:
            self._last_seq = news.messages[-1]["seq"] if news.messages else self._last_seq
            fields = {"messages": list(news.messages), "restart": news.restart, "more": news.more}
            await self._push({"t": "messages", **fields})
        if news.running != self._running or news.messages:
            await self._push({"t": "busy", "busy": bool(news.running)})
        if news.draft and news.draft[0] not in self._running and self._delta is None:
            await self._push({"t": "delta", "turn": news.draft[0], "text": news.draft[1]})

    async def _tell_changed(self, news: News) -> None:
        """Show messages anew that say something else by now."""
        self._cards = news.cards
        self._coming = news.coming | {message["seq"] for message in news.messages if _has_coming_file(message)}
        if news.changed:
            await self._push({"t": "changed", "messages": list(news.changed)})

    async def _tell_refused(self, news: News) -> None:
        """Name what was too much at once. The notice of it comes once; this is for each."""
        for name, is_taken in news.ended.items():
            self._sent.pop(name, None)
            if not is_taken:
                await self._push({"t": "refused", "id": name})

    async def _pass_on(self) -> None:
        """Pass on the newest streamed text, if its turn still runs and the page keeps up."""
        delta, self._delta = self._delta, None
        typing, self._typing = self._typing, False
        if delta is not None and delta.get("turn") in self._running and not self._window.is_slow():
            await self._push({"t": "delta", "turn": delta["turn"], "text": str(delta.get("text", ""))})
        elif typing:
            await self._push({"t": "typing"})


def _has_coming_file(message: Mapping[str, Any]) -> bool:
    """Tell whether a message is shown with a file that is not here yet."""
    return any(file["state"] == Attachment.State.REMOTE for file in message.get("files", ()))
