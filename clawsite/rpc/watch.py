"""The events of one job as an async iterator: each exactly once and in order, whatever happens to connections.

How: the iterator knows the number of the last event it took in. After a reconnect, a gap or an overflow it asks for
what follows that number. Only its reader asks, so a slow reader costs a bounded buffer and nobody else's time.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Any, Protocol, Self

import msgspec

from clawsite.rpc.backoff import Backoff
from clawsite.rpc.calls import SECONDS
from clawsite.rpc.errors import ConnectionLost, EventsLost, RequestTimeout, RpcError
from clawsite.rpc.link import Link

MOST_EVENTS = 1000
MOST_BYTES = 4 * 1024 * 1024
FRUITLESS = 3
ENDED = frozenset({"succeeded", "failed", "cancelled", "timed_out"})


class JobEvent(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One event of a job. `ts`: milliseconds since 1970. The last one has the kind "end"."""

    job_id: str
    seq: int
    kind: str
    data: Any = None
    ts: int | None = None


class Source(Protocol):
    """Where a watch gets its connection from."""

    async def link(self) -> Link:
        """Return the open connection, waiting for ever for one; raises what is final."""

    def begin(self, watch: JobWatch, link: Link) -> int:
        """Bring this watch the events of its job that come over this connection; return after which to ask for them."""

    def leave(self, watch: JobWatch, *, is_settled: bool) -> None:
        """Bring it none any more. is_settled: whether the gateway has answered that it sends them."""


class JobWatch:
    """Iterate over it; `last_seq` is the number of the last event that was handed out, to go on from another day."""

    def __init__(self, source: Source, job_id: str, *, after_seq: int = 0, most: int = MOST_EVENTS) -> None:
        self.job_id = job_id
        self.last_seq = after_seq
        self._source = source
        self._most = most
        self._buffer: deque[tuple[JobEvent, int]] = deque()
        self._bytes = 0
        self._taken = after_seq
        self._link: Link | None = None
        self._is_settling = False
        self._gap_to: int | None = None
        self._fruitless = 0
        self._is_over = False
        self._news = asyncio.Event()
        self._backoff = Backoff()

    @property
    def is_live(self) -> bool:
        """Whether events are wanted as they come."""
        return self._link is not None

    @property
    def taken(self) -> int:
        """The number of the last event that was taken in, handed out or not."""
        return self._taken

    def offer(self, event: JobEvent, size: int) -> None:
        """Take an event in if it is the next one and there is room; otherwise ask anew once the reader is here."""
        if self._link is None or event.seq <= self._taken:
            return
        if event.seq > self._taken + 1:
            if self._gap_to is None or self._gap_to <= self._taken + 1 or event.seq < self._gap_to:
                self._gap_to = event.seq
            if not self._is_settling:
                self.pause()
        elif self._buffer and (len(self._buffer) >= self._most or self._bytes + size > MOST_BYTES):
            self.pause()
        else:
            self._buffer.append((event, size))
            self._bytes += size
            self._taken = event.seq
            self._fruitless = 0
            self._news.set()

    def pause(self) -> None:
        """Take nothing more in until the reader has asked anew."""
        self._link = None
        self._source.leave(self, is_settled=not self._is_settling)
        self._news.set()

    async def aclose(self) -> None:
        """Stop watching."""
        self._is_over = True
        self._buffer.clear()
        self.pause()

    def __aiter__(self) -> Self:
        """Iterate over the events to come."""
        return self

    async def __anext__(self) -> JobEvent:
        """Return the next event. Ends after the event of kind "end"; raises RpcError, EventsLost or what is final."""
        while not self._buffer:
            if self._is_over:
                raise StopAsyncIteration
            if self._link is None:
                await self._subscribe()
            else:
                self._news.clear()
                await self._news.wait()
        event, size = self._buffer.popleft()
        self._bytes -= size
        self.last_seq = event.seq
        if event.kind == "end":
            await self.aclose()
        return event

    async def _subscribe(self) -> None:
        """Ask for the events after the last one taken in; returns without them when it has to be tried again."""
        self._check_progress()
        link = await self._source.link()
        self._link, self._is_settling = link, True
        taken = self._taken
        try:
            params = {"id": self.job_id, "afterSeq": self._source.begin(self, link)}
            answer = await link.call("jobs.subscribe", params, seconds=SECONDS["jobs.subscribe"])
        except (ConnectionLost, RequestTimeout):
            self.pause()
            await asyncio.sleep(self._backoff.next())
        except RpcError as error:
            self._is_settling = False
            self.pause()
            if not error.retryable:
                raise
            await asyncio.sleep(max(error.retry_after or 0.0, self._backoff.next()))
        except BaseException:
            self.pause()
            raise
        else:
            self._is_settling = False
            self._settle(answer, taken)
        finally:
            self._is_settling = False

    def _check_progress(self) -> None:
        """Raise EventsLost when asking anew has not closed a gap several times: the events are gone."""
        gap_to, self._gap_to = self._gap_to, None
        if gap_to is not None and gap_to > self._taken + 1:
            self._fruitless += 1
            if self._fruitless > FRUITLESS:
                raise EventsLost(self.job_id, expected=self._taken + 1, received=gap_to)

    def _settle(self, answer: Any, taken: int) -> None:
        """The gateway has agreed. Events before its answer may be of an earlier subscription, so ask again if they
        left a gap. EventsLost when it counts anew: its next events, the last one too, would be taken for known ones."""
        self._backoff.reset()
        self._is_over = self._is_over or self._has_nothing_left(answer)
        last = answer.get("lastSeq") if isinstance(answer, dict) else None
        if isinstance(last, int) and last < taken and not self._is_over:
            self.pause()
            raise EventsLost(self.job_id, expected=taken + 1, received=last + 1)
        if self._gap_to is not None and self._gap_to > self._taken + 1:
            self.pause()

    def _has_nothing_left(self, answer: Any) -> bool:
        """Tell whether the job has ended and its last event was taken in before."""
        if not isinstance(answer, dict) or not isinstance(answer.get("job"), dict):
            return False
        last = answer.get("lastSeq")
        return answer["job"].get("state") in ENDED and isinstance(last, int) and last <= self._taken

    async def __aenter__(self) -> Self:
        """Watch for the length of a block."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stop watching."""
        await self.aclose()
