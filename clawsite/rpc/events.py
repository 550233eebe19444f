"""Events of the gateway as they come. They are lossy notices: a bounded buffer forgets the oldest when nobody reads."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass
from typing import Self

from clawsite.rpc.errors import ClientError
from clawsite.rpc.frames import Event

MOST_EVENTS = 1000


@dataclass(frozen=True, slots=True)
class Gap:
    """Events of a connection that were sent and did not arrive; what they told of has to be read again."""

    expected: int
    received: int


class EventStream:
    """An async iterator over events with these names (none: all). It lasts through reconnects, until it is closed.

    `missed` counts what was forgotten because the reader was slow.
    """

    def __init__(self, names: frozenset[str], *, most: int = MOST_EVENTS) -> None:
        self.missed = 0
        self._names = names
        self._buffer: deque[Event] = deque(maxlen=most)
        self._news = asyncio.Event()
        self._end: ClientError | None = None
        self._is_closed = False

    def offer(self, event: Event) -> None:
        """Take an event in, if it is one of those wanted."""
        if self._is_closed or (self._names and event.event not in self._names):
            return
        self.missed += len(self._buffer) == self._buffer.maxlen
        self._buffer.append(event)
        self._news.set()

    def fail(self, error: ClientError) -> None:
        """Let the reader have what there is, and then this."""
        self._end = error
        self._news.set()

    async def aclose(self) -> None:
        """Stop listening."""
        self._is_closed = True
        self._news.set()

    def __aiter__(self) -> Self:
        """Iterate over the events to come."""
        return self

    async def __anext__(self) -> Event:
        """Return the next event; raises what ended the client for good."""
        while not self._buffer:
            if self._is_closed:
                raise StopAsyncIteration
            if self._end is not None:
                raise self._end
            self._news.clear()
            await self._news.wait()
        return self._buffer.popleft()

    async def __aenter__(self) -> Self:
        """Listen for the length of a block."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stop listening."""
        await self.aclose()
