"""Sends the events of jobs to the connections that watch them: each once, in order, at the pace the client reads.

Events are rows. Per job they are read and encoded once for all watchers that are up to date; who joins late or reads
slowly catches up by pages of its own. A nudge only says that there is something to read; a look every second at the
numbers of all watched jobs together finds what a lost one would have told.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import Context
from dataclasses import dataclass, field
from typing import Any, Protocol

import msgspec

from clawsite.core.db import run_db
from clawsite.core.errors import BadInput, log_unknown
from runbooks.jobs import read_events
from runbooks.jobs.events import END
from runbooks.jobs.reading import describe_event
from runbooks.models import Job
from runbooks.models.job import ENDS

# Events of a page: the rest only when the first of them are small.
FIRST, PAGE = 8, 64
PAGE_BYTES = 128 * 1024
LOOK_SECONDS = 1.0
# How many jobs one connection may watch: twice as many as a dispatcher's line may have.
MOST_WATCHED = 2000
# Jobs looked at in one query, which is one turn of the database's thread.
LOOK_JOBS = 200
# How long to wait before looking again whether a client that was behind has read on: at first, and at most.
BEHIND_SECONDS, BEHIND_LONG_SECONDS = 0.01, 0.25

_encode = msgspec.json.Encoder().encode


class Reader(Protocol):
    """A connection, as the feed sees it. `push` never blocks and never raises."""

    id: str
    closed: bool

    def push(self, event: str, payload: bytes, *, droppable: bool, state: bytes = b"") -> None:
        """Send an event whose payload is JSON already."""

    def is_behind(self) -> bool:
        """Tell whether the client has yet to read much of what it was sent."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Page:
    """Some events of a job, encoded: (number, payload, whether it is the last)."""

    events: list[tuple[int, bytes, bool]]


@dataclass(kw_only=True, slots=True, eq=False)
class Watcher:
    """One connection's place in one job."""

    reader: Reader
    sent: int
    task: asyncio.Task[None] | None = None

    def push(self, seq: int, payload: bytes) -> None:
        """Send the next event."""
        self.reader.push("job", payload, droppable=False)
        self.sent = seq


@dataclass(kw_only=True, slots=True, eq=False)
class Stream:
    """A job that somebody watches. `head` is the last number that was read for all."""

    key: str
    head: int
    watchers: dict[str, Watcher] = field(default_factory=dict)
    wake: asyncio.Event = field(default_factory=asyncio.Event)
    task: asyncio.Task[None] | None = None


class JobFeed:
    """The watched jobs of this process. All methods are for its event loop."""

    def __init__(self) -> None:
        self._streams: dict[str, Stream] = {}
        self._keys: dict[str, set[str]] = {}
        self._waiting: dict[str, set[asyncio.Event]] = {}
        self._looking: asyncio.Task[None] | None = None

    def watch(self, reader: Reader, key: str, after: int) -> None:
        """Send the events of a job after a number; a second call for the same job begins anew from there.

        BadInput when the connection watches too many others.
        """
        self.unwatch(reader, key)
        keys = self._keys.setdefault(reader.id, set())
        if len(keys) >= MOST_WATCHED:
            raise BadInput(f"a connection watches {MOST_WATCHED} jobs at most; unsubscribe from others first")
        keys.add(key)
        stream = self._streams.get(key)
        if stream is None:
            stream = self._streams[key] = Stream(key=key, head=after)
            stream.task = asyncio.create_task(self._follow(stream), name="job feed", context=Context())
            self._keep_looking()
        watcher = stream.watchers[reader.id] = Watcher(reader=reader, sent=after)
        if after < stream.head:
            self._let_catch_up(stream, watcher)
        stream.wake.set()

    def unwatch(self, reader: Reader, key: str) -> None:
        """Stop that; safe to call when nothing is watched."""
        stream = self._streams.get(key)
        watcher = stream.watchers.pop(reader.id, None) if stream is not None else None
        self._forget(reader.id, key)
        if watcher is not None and watcher.task is not None and watcher.task is not asyncio.current_task():
            watcher.task.cancel()
        if stream is not None and not stream.watchers:
            self._drop(stream)

    def leave(self, reader: Reader) -> None:
        """Forget a connection that has ended."""
        for key in tuple(self._keys.get(reader.id, ())):
            self.unwatch(reader, key)

    def _forget(self, reader_id: str, key: str) -> None:
        keys = self._keys.get(reader_id)
        if keys is not None:
            keys.discard(key)
            if not keys:
                del self._keys[reader_id]

    def on_nudge(self, data: dict[str, Any]) -> None:
        """Hear that a job has a new event, or is over."""
        key = str(data.get("job"))
        stream = self._streams.get(key)
        if stream is not None:
            stream.wake.set()
        if data.get("over"):
            self._tell_end(key)

    @contextmanager
    def waiting(self, key: str) -> Iterator[asyncio.Event]:
        """Give an event that is set when a job is over. Whoever waits has looked at the job after it was given."""
        end = asyncio.Event()
        self._waiting.setdefault(key, set()).add(end)
        self._keep_looking()
        try:
            yield end
        finally:
            self._waiting[key].discard(end)
            if not self._waiting[key]:
                del self._waiting[key]

    def count(self) -> int:
        """Return how many jobs are watched."""
        return len(self._streams)

    async def _follow(self, stream: Stream) -> None:
        """Read what is new and give it to all who are up to date, until nobody watches."""
        while stream.watchers:
            try:
                await self._give(stream)
            except Exception as error:
                log_unknown(error, where="a job's feed")
                await asyncio.sleep(LOOK_SECONDS)
            await stream.wake.wait()
        self._drop(stream)

    def _keep_looking(self) -> None:
        if self._looking is None or self._looking.done():
            self._looking = asyncio.create_task(self._look_often(), name="job feed, looking", context=Context())

    async def _look_often(self) -> None:
        """See what nudges failed to tell, for as long as anybody watches or waits."""
        while self._streams or self._waiting:
            await asyncio.sleep(LOOK_SECONDS)
            keys = list(self._streams.keys() | self._waiting.keys())
            for first in range(0, len(keys), LOOK_JOBS):
                try:
                    heads = await run_db(_read_heads, keys[first : first + LOOK_JOBS])
                except Exception as error:
                    log_unknown(error, where="the look of the job feed")
                    break
                self._compare(heads)

    def _compare(self, heads: list[tuple[str, int, bool]]) -> None:
        for key, last, is_over in heads:
            stream = self._streams.get(key)
            if stream is not None and last > stream.head:
                stream.wake.set()
            if is_over:
                self._tell_end(key)

    def _tell_end(self, key: str) -> None:
        for end in self._waiting.get(key, ()):
            end.set()

    async def _give(self, stream: Stream) -> None:
        """Read on for those who are up to date, as long as there are any."""
        while stream.watchers:
            stream.wake.clear()
            ready = [watcher.sent for watcher in stream.watchers.values() if watcher.task is None]
            if not ready:
                return
            stream.head = max(stream.head, min(ready))
            page = await run_db(_read, stream.key, stream.head)
            if not page.events:
                return
            for watcher in tuple(stream.watchers.values()):
                self._give_one(stream, watcher, page)
            stream.head = page.events[-1][0]

    def _give_one(self, stream: Stream, watcher: Watcher, page: Page) -> None:
        if watcher.task is not None:
            return
        if watcher.sent < stream.head or watcher.reader.is_behind():
            self._let_catch_up(stream, watcher)
            return
        self._push(stream, watcher, page.events)

    def _push(self, stream: Stream, watcher: Watcher, events: Iterable[tuple[int, bytes, bool]]) -> None:
        for seq, payload, last in events:
            if seq > watcher.sent:
                watcher.push(seq, payload)
            if last:
                self.unwatch(watcher.reader, stream.key)

    def _let_catch_up(self, stream: Stream, watcher: Watcher) -> None:
        if watcher.task is None:
            watcher.task = asyncio.create_task(self._catch_up(stream, watcher), name="job feed, catching up")

    async def _catch_up(self, stream: Stream, watcher: Watcher) -> None:
        """Send page after page to one connection, until it is where the others are or at the job's end."""
        pause = BEHIND_SECONDS
        while not watcher.reader.closed:
            if watcher.reader.is_behind():
                await asyncio.sleep(pause)
                pause = min(pause * 2, BEHIND_LONG_SECONDS)
                continue
            pause = BEHIND_SECONDS
            try:
                page = await run_db(_read, stream.key, watcher.sent)
            except Exception as error:
                log_unknown(error, where="a job's feed")
                await asyncio.sleep(LOOK_SECONDS)
                continue
            self._push(stream, watcher, page.events)
            if watcher.sent >= stream.head or not page.events:
                break
        watcher.task = None
        stream.wake.set()

    def _drop(self, stream: Stream) -> None:
        if self._streams.get(stream.key) is stream:
            del self._streams[stream.key]
        stream.wake.set()


def _read_heads(keys: list[str]) -> list[tuple[str, int, bool]]:
    """Return of each job its last number and whether it is over."""
    rows = Job.objects.filter(key__in=keys).order_by().values_list("key", "last_seq", "state")
    return [(key, last, state in ENDS) for key, last, state in rows]


def _read(key: str, after: int) -> Page:
    job = Job.objects.filter(key=key).only("pk", "key").first()
    if job is None:
        return Page(events=[])
    found: list[tuple[int, bytes, bool]] = []
    for most in (FIRST, PAGE - FIRST):
        events = read_events(job, found[-1][0] if found else after, most)
        found += [(event.seq, _encode(describe_event(job, event)), event.kind == END) for event in events]
        if len(events) < most or sum(len(payload) for _, payload, _ in found) > PAGE_BYTES:
            break
    return Page(events=found)


feed = JobFeed()
