"""The open chats of this process: which nudge concerns which socket, and how many sockets one far end may have."""

from __future__ import annotations

import time
from collections import Counter, OrderedDict, defaultdict
from typing import Any, Protocol

from clawsite.core.nudge import NudgeListener
from clawsite.web.address import counted_as
from clawsite.web.chat.flow import Bucket

PER_VISITOR = 5
PER_ADDRESS = 200
# What all strangers of one address may write: a message every two seconds, ten at once.
STRANGER_RATE, STRANGER_BURST = 0.5, 10.0
STRANGER_ADDRESSES = 1000
# A socket that waits for its session to be made looks at every nudge for so long after it wrote.
EXPECTING_SECONDS = 60.0


class Chat(Protocol):
    """A socket, as the hub sees it. None of these may block or raise."""

    address: str
    visitor_id: str
    session_id: int | None
    contact_id: int | None
    wrote_at: float

    def look(self) -> None:
        """Look at the rows soon."""

    def check(self) -> None:
        """Look soon whether the visitor still is who they were."""

    def show(self, data: dict[str, Any]) -> None:
        """Show streamed text soon."""

    def show_typing(self) -> None:
        """Show soon that the bot is at work."""


class Hub:
    """Sockets by session. `admit` counts a socket, `place` says which session it shows, `leave` forgets it."""

    def __init__(self) -> None:
        self._sockets: set[Chat] = set()
        self._by_session: dict[int, set[Chat]] = defaultdict(set)
        self._expecting: set[Chat] = set()
        self._visitors: Counter[str] = Counter()
        self._addresses: Counter[str] = Counter()
        self._strangers: OrderedDict[str, Bucket] = OrderedDict()

    def admit(self, chat: Chat) -> bool:
        """Count a socket in; False when its visitor or address has too many."""
        address = counted_as(chat.address)
        if self._visitors[chat.visitor_id] >= PER_VISITOR or self._addresses[address] >= PER_ADDRESS:
            return False
        self._sockets.add(chat)
        self._expecting.add(chat)
        self._visitors[chat.visitor_id] += 1
        self._addresses[address] += 1
        return True

    def place(self, chat: Chat) -> None:
        """Take note of the session that a socket has found."""
        if chat in self._sockets and chat.session_id is not None:
            self._expecting.discard(chat)
            self._by_session[chat.session_id].add(chat)

    def expect(self, visitor_id: str) -> None:
        """Take note that a visitor writes: pages of theirs without a session will look at the next nudges."""
        now = time.monotonic()
        for chat in self._expecting:
            if chat.visitor_id == visitor_id:
                chat.wrote_at = now

    def leave(self, chat: Chat) -> None:
        """Forget a socket; safe to call twice and for one that was not admitted."""
        if chat not in self._sockets:
            return
        self._sockets.discard(chat)
        self._expecting.discard(chat)
        if chat.session_id is not None:
            self._by_session[chat.session_id].discard(chat)
            if not self._by_session[chat.session_id]:
                del self._by_session[chat.session_id]
        _uncount(self._visitors, chat.visitor_id)
        _uncount(self._addresses, counted_as(chat.address))

    def may_stranger_write(self, address: str) -> bool:
        """Count a message of a stranger; False when there were too many from this address."""
        now, address = time.monotonic(), counted_as(address)
        bucket = self._strangers.pop(address, None) or Bucket(STRANGER_RATE, STRANGER_BURST, now)
        self._strangers[address] = bucket
        while len(self._strangers) > STRANGER_ADDRESSES:
            self._strangers.popitem(last=False)
        return bucket.take(now)

    def listen(self, listener: NudgeListener) -> None:
        """Let nudges reach the sockets they concern."""
        listener.on("session", self._on_session)
        listener.on("contact", self._on_contact)
        listener.on("delta", self._on_delta)
        listener.on("typing", self._on_typing)

    def _on_session(self, data: dict[str, Any]) -> None:
        for chat in self._of(data):
            chat.look()
        oldest = time.monotonic() - EXPECTING_SECONDS
        for chat in tuple(self._expecting):
            if chat.wrote_at > oldest:
                chat.look()

    def _on_contact(self, data: dict[str, Any]) -> None:
        for chat in tuple(self._sockets):
            if chat.contact_id in (None, data.get("contact")):
                chat.check()

    def _on_delta(self, data: dict[str, Any]) -> None:
        for chat in self._of(data):
            chat.show(data)

    def _on_typing(self, data: dict[str, Any]) -> None:
        for chat in self._of(data):
            chat.show_typing()

    def _of(self, data: dict[str, Any]) -> tuple[Chat, ...]:
        return tuple(self._by_session.get(data.get("session", 0), ()))


def _uncount(counter: Counter[str], key: str) -> None:
    counter[key] -= 1
    if counter[key] <= 0:
        del counter[key]


hub = Hub()
