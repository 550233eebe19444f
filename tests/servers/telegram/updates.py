"""The queue of updates of one bot: ids, confirmation by offset, allowed kinds, waiting pollers.

Invariant: an update leaves the queue only when an offset beyond it, a webhook's 2xx or its age removes it; at
most one poller waits, a newer one ends it with 409.
"""

from __future__ import annotations

import asyncio
import time
from bisect import bisect_left, insort
from collections import deque
from typing import Any

from tests.servers.telegram.errors import OTHER_POLLER, ApiError

KINDS = (
    "message",
    "edited_message",
    "channel_post",
    "edited_channel_post",
    "callback_query",
    "my_chat_member",
    "chat_member",
    "message_reaction",
    "message_reaction_count",
    "inline_query",
    "chosen_inline_result",
    "poll",
    "poll_answer",
    "chat_join_request",
)
NOT_BY_DEFAULT = {"chat_member", "message_reaction", "message_reaction_count"}
RETENTION_SECONDS = 24 * 3600.0
MAX_PENDING = 100_000
LONGEST_POLL = 50.0
KEPT_RECENT = 1000


class UpdateQueue:
    """Unconfirmed updates in order of their ids, and `forced` ones, given once whatever the offset is."""

    def __init__(self, *, first_id: int) -> None:
        self.next_id = first_id
        self.retention = RETENTION_SECONDS
        self.allowed: list[str] = []
        self.pending: list[int] = []
        self.bodies: dict[int, tuple[float, dict[str, Any]]] = {}
        self.forced: deque[Any] = deque(maxlen=MAX_PENDING)
        self.recent: dict[int, dict[str, Any]] = {}
        self.repeat_every = 0
        self._repeated = 0
        self.changed = asyncio.Event()
        self._poller: asyncio.Future[None] | None = None

    def allows(self, kind: str) -> bool:
        return kind in self.allowed if self.allowed else kind not in NOT_BY_DEFAULT

    def set_allowed(self, kinds: list[str]) -> None:
        """Remember the kinds for updates created from now on.

        Unknown names are dropped, as the real server does.
        """
        self.allowed = [kind for kind in kinds if kind in KINDS]

    def add(self, kind: str, payload: dict[str, Any]) -> int | None:
        """Queue an update and return its id, or None when its kind is not allowed."""
        if not self.allows(kind):
            return None
        update_id = self.next_id
        self.put({"update_id": update_id, kind: payload})
        return update_id

    def put(self, update: dict[str, Any]) -> None:
        """Queue a ready update under its own id."""
        update_id = int(update["update_id"])
        if update_id not in self.bodies:
            insort(self.pending, update_id)
        self.bodies[update_id] = (time.monotonic(), update)
        self.recent[update_id] = update
        if len(self.recent) > KEPT_RECENT:
            del self.recent[next(iter(self.recent))]
        self.next_id = max(self.next_id, update_id + 1)
        if len(self.pending) > MAX_PENDING:
            self.drop(self.pending[0])
        self.wake()

    def force(self, update: Any) -> None:
        """Give this, whatever it is, once with the next answer: a repeat, an old id, poison."""
        self.forced.append(update)
        self.wake()

    def drop(self, update_id: int) -> None:
        if self.bodies.pop(update_id, None) is not None:
            del self.pending[bisect_left(self.pending, update_id)]

    def clear(self) -> None:
        self.pending.clear()
        self.bodies.clear()
        self.forced.clear()

    def wake(self) -> None:
        self.changed.set()

    def confirm(self, offset: int) -> None:
        """Forget what is before `offset`; a negative one keeps that many from the end."""
        self._expire()
        cut = bisect_left(self.pending, offset) if offset > 0 else max(0, len(self.pending) + offset)
        if offset:
            self._forget(cut)

    def take(self, limit: int) -> list[Any]:
        """The next updates without confirming any."""
        out: list[Any] = []
        early = self._find_early(limit)
        while self.forced and len(out) < limit:
            out.append(self.forced.popleft())
        self.forced.extendleft(reversed(early))
        fresh = self.pending[: limit - len(out)]
        self.plan_repeats(fresh)
        return out + [self.bodies[update_id][1] for update_id in fresh]

    def _find_early(self, limit: int) -> list[Any]:
        """Take out the forced ones that wait themselves behind more than this answer holds.

        Given now they would be ahead of those, and the offset after them would confirm what was never given.
        """
        beyond = set(self.pending[max(0, limit - len(self.forced)) :])
        early = [item for item in self.forced if isinstance(item, dict) and _number(item) in beyond]
        if early:
            self.forced = deque((item for item in self.forced if item not in early), maxlen=MAX_PENDING)
        return early

    def plan_repeats(self, given: list[int]) -> None:
        """Have every n-th update come once more, after the answer that gave it: a repeat is never ahead of its time."""
        for update_id in given if self.repeat_every else ():
            if update_id % self.repeat_every == 0 and update_id > self._repeated:
                self._repeated = update_id
                self.forced.append(self.bodies[update_id][1])

    async def poll(self, offset: int, limit: int, timeout: float) -> list[Any]:
        """One getUpdates. Raises 409 when another one comes while this waits."""
        if self._poller is not None and not self._poller.done():
            self._poller.set_exception(ApiError(409, OTHER_POLLER))
        self.confirm(offset)
        deadline = time.monotonic() + min(timeout, LONGEST_POLL)
        while not (updates := self.take(limit)) and (left := deadline - time.monotonic()) > 0:
            await self._wait(left)
        return updates

    def end_poll(self, description: str) -> None:
        """End a waiting poller with 409."""
        if self._poller is not None and not self._poller.done():
            self._poller.set_exception(ApiError(409, description))

    async def _wait(self, seconds: float) -> None:
        """Wait for a new update, at most this long; raises when another poller takes over."""
        self.changed.clear()
        mine: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._poller = mine
        waker = asyncio.create_task(self.changed.wait())
        try:
            waiting: set[asyncio.Future[Any]] = {mine, waker}
            await asyncio.wait(waiting, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
            if mine.done():
                mine.result()
        finally:
            waker.cancel()
            if self._poller is mine:
                self._poller = None
            if not mine.done():
                mine.cancel()

    def _expire(self) -> None:
        oldest = time.monotonic() - self.retention
        cut = 0
        while cut < len(self.pending) and self.bodies[self.pending[cut]][0] < oldest:
            cut += 1
        self._forget(cut)

    def _forget(self, count: int) -> None:
        for update_id in self.pending[:count]:
            del self.bodies[update_id]
        del self.pending[:count]


def _number(item: dict[str, Any]) -> int:
    """The id of an update, -1 for what has none."""
    number = item.get("update_id")
    return number if isinstance(number, int) else -1
