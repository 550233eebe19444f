"""Answers that many ask for, kept as bytes that are sent as they are: a read of one costs a look into a dictionary.

A kept answer is fresh for `seconds`. For a moment after that it is still given out while one refresh runs for all who
ask. When a nudge said that its rows changed, everybody waits for that one refresh instead, so that who was told of a
change reads it. What a caller may see is part of the key: an answer never leaves the variant it was built for.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable
from contextvars import Context
from dataclasses import dataclass
from functools import partial
from typing import Any

import msgspec

from clawsite.core.db import run_db
from clawsite.core.errors import log_unknown
from clawsite.core.nudge import NudgeListener
from clawsite.gateway.registry import Encoded, Later

Key = tuple[Any, ...]
Read = Callable[[Callable[[], Any]], Awaitable[Any]]

FRESH_SECONDS = 1.0
STALE_SECONDS = 2.0
# Between two refreshes of one variant, so that a storm of nudges does not become a storm of queries.
PAUSE_SECONDS = 0.05
WAIT_SECONDS = 10.0
MAX_VARIANTS = 256
MAX_BYTES = 16 * 1024 * 1024

_encode = msgspec.json.Encoder().encode
_answers: list[HotAnswer] = []


@dataclass(slots=True)
class _Kept:
    """One variant: its JSON, when the reading of it began, and at which version of the rows."""

    body: Encoded
    size: int
    at: float
    version: int


class HotAnswer:
    """An answer in its variants. `build` gets the key and runs on the database thread; it returns what is encoded."""

    def __init__(
        self,
        build: Callable[..., Any],
        *,
        topics: Iterable[str] = (),
        seconds: float = FRESH_SECONDS,
        stale_seconds: float = STALE_SECONDS,
        variants: int = MAX_VARIANTS,
        clock: Callable[[], float] = time.monotonic,
        read: Read = run_db,
    ) -> None:
        self.topics = frozenset(topics)
        self._build = build
        self._seconds = seconds
        self._stale = stale_seconds
        self._variants = variants
        self._clock = clock
        self._read = read
        self._version = 0
        self._bytes = 0
        self._kept: OrderedDict[Key, _Kept] = OrderedDict()
        self._tasks: dict[Key, asyncio.Task[_Kept]] = {}
        _answers.append(self)

    def get(self, *key: Any) -> Encoded | Later:
        """Return the answer when there is one to give, else what reads it. On the event loop only."""
        kept = self._kept.get(key)
        if kept is None or kept.version != self._version:
            return Later(partial(self._wait, key))
        age = self._clock() - kept.at
        if age >= self._seconds:
            if age >= self._seconds + self._stale:
                return Later(partial(self._wait, key))
            self._refresh(key)
        return kept.body

    def touch(self) -> None:
        """Say that the rows changed: nothing that was begun to be read before counts from now on."""
        self._version += 1

    def drop(self) -> None:
        """Forget everything: touch, for one's own writes, without the pause between refreshes."""
        self._version += 1
        self._kept.clear()
        self._bytes = 0

    async def _wait(self, key: Key) -> Encoded:
        """Return an answer that was read after the last change before this call."""
        version = self._version
        async with asyncio.timeout(WAIT_SECONDS):
            kept = await asyncio.shield(self._refresh(key))
            if kept.version < version:
                kept = await asyncio.shield(self._refresh(key))
        return kept.body

    def _refresh(self, key: Key) -> asyncio.Task[_Kept]:
        """Return the refresh of a variant that runs, or begin one."""
        task = self._tasks.get(key)
        if task is None or task.done():
            task = asyncio.get_running_loop().create_task(self._renew(key), name="hot answer", context=Context())
            self._tasks[key] = task
            task.add_done_callback(partial(self._finish, key))
        return task

    async def _renew(self, key: Key) -> _Kept:
        old = self._kept.get(key)
        if old is not None and (pause := old.at + PAUSE_SECONDS - self._clock()) > 0:
            await asyncio.sleep(pause)
        version, at = self._version, self._clock()
        body = _encode(await self._read(partial(self._build, *key)))
        kept = _Kept(Encoded(body), len(body), at, version)
        self._keep(key, kept)
        return kept

    def _keep(self, key: Key, kept: _Kept) -> None:
        """Put a variant last; those that were refreshed longest ago go when there are too many or they are too big."""
        self._forget(key)
        self._kept[key] = kept
        self._bytes += kept.size
        while len(self._kept) > self._variants or (self._bytes > MAX_BYTES and len(self._kept) > 1):
            self._forget(next(iter(self._kept)))

    def _forget(self, key: Key) -> None:
        kept = self._kept.pop(key, None)
        if kept is not None:
            self._bytes -= kept.size

    def _finish(self, key: Key, task: asyncio.Task[_Kept]) -> None:
        """Note a refresh that failed: who waits gets the error, all others the old answer for as long as it lasts."""
        if self._tasks.get(key) is task:
            del self._tasks[key]
        if not task.cancelled() and (error := task.exception()) is not None and key in self._kept:
            log_unknown(error, where="a hot answer")


def touch(topic: str) -> None:
    """Say that something of a topic changed."""
    for answer in _answers:
        if topic in answer.topics:
            answer.touch()


def drop_all() -> None:
    """Forget every answer, as a restart would."""
    for answer in _answers:
        answer.drop()


def listen(listener: NudgeListener) -> None:
    """Have the nudges of all processes mark the answers whose rows they speak of."""
    for topic in sorted({topic for answer in _answers for topic in answer.topics}):
        listener.on(topic, partial(_hear, topic))


def _hear(topic: str, data: dict[str, Any]) -> None:
    touch(topic)
