"""Answers about one session, ready as bytes: kept for a second at the most, and dropped as soon as it changes.

They are forgotten session by session, which `hot` is not made for: a busy chat must not cost the readers of quiet ones.
Who asks while an answer is being made waits for that one, so a change costs one look at the rows however many ask.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass
from functools import partial

SECONDS = 1.0
MAX_BYTES = 64 * 1024 * 1024
# What an entry costs besides its body, so that many small ones are bounded as well.
ENTRY_BYTES = 1024


@dataclass(frozen=True, kw_only=True, slots=True)
class Kept:
    """An answer, the session it is about (0: one that is not there yet), and the last message that it knows of."""

    body: bytes
    session_id: int = 0
    last_seq: int = 0


class AnswerCache:
    """Answers by key; each is about one session."""

    def __init__(self, *, seconds: float = SECONDS, clock: Callable[[], float] = time.monotonic) -> None:
        self._seconds, self._clock = seconds, clock
        self._entries: OrderedDict[Hashable, tuple[Kept, float]] = OrderedDict()
        self._making: dict[Hashable, asyncio.Task[Kept]] = {}
        self._version = 0
        self._size = 0

    def find(self, key: Hashable) -> Kept | None:
        """Return the answer if it still holds."""
        entry = self._entries.get(key)
        return entry[0] if entry is not None and entry[1] > self._clock() else None

    def forget(self, session_id: int) -> None:
        """Drop what is about a session, or about one that was not there yet. What is being made now is not kept."""
        self._version += 1
        self._making.clear()
        for key in [key for key, (kept, _) in self._entries.items() if kept.session_id in (0, session_id)]:
            self._drop(key)

    def drop(self) -> None:
        """Forget everything, as a restart would."""
        self._version += 1
        self._making.clear()
        self._entries.clear()
        self._size = 0

    def _drop(self, key: Hashable) -> None:
        entry = self._entries.pop(key, None)
        if entry is not None:
            self._size -= _size_of(entry[0])

    async def get(self, key: Hashable, make: Callable[[], Awaitable[Kept]]) -> Kept:
        """Return the answer, made at most once at a time; it is finished whoever of those that wait goes away."""
        found = self.find(key)
        if found is not None:
            return found
        task = self._making.get(key)
        if task is None:
            task = self._making[key] = asyncio.create_task(self._make(key, make), name="answer")
            task.add_done_callback(partial(self._finish, key))
        return await asyncio.shield(task)

    async def _make(self, key: Hashable, make: Callable[[], Awaitable[Kept]]) -> Kept:
        version = self._version
        kept = await make()
        if version == self._version:
            self._keep(key, kept)
        return kept

    def _finish(self, key: Hashable, task: asyncio.Task[Kept]) -> None:
        """Forget the making. Who waits gets the error; that nobody may is no news."""
        if self._making.get(key) is task:
            del self._making[key]
        if not task.cancelled():
            task.exception()

    def _keep(self, key: Hashable, kept: Kept) -> None:
        """Put an answer last. Those before it are older: they go when their time is over, or when there is no room."""
        now = self._clock()
        self._drop(key)
        self._entries[key] = kept, now + self._seconds
        self._size += _size_of(kept)
        while self._entries:
            oldest, (_, ends) = next(iter(self._entries.items()))
            if ends > now and self._size <= MAX_BYTES:
                break
            self._drop(oldest)


def _size_of(kept: Kept) -> int:
    return len(kept.body) + ENTRY_BYTES


answers = AnswerCache()
