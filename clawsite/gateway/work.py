"""Requests that take time: tasks of one connection, at most 64 at once, the rest queued to a bound, then refused.

Those that wait for what others do, for minutes or hours, are counted by themselves: they keep nobody from their turn.
Bounded are their number and the bytes of the frames that they came in, which stay in memory until they are answered.
On the database connections take turns. A client that does not read what it asked for gets nothing new started. When the
socket is lost its tasks are cancelled; whatever must survive that is a row.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, NamedTuple

import msgspec

from clawsite.core.db import Lane, use_lane
from clawsite.gateway.registry import Call, Method
from clawsite.rpc.frames import MAX_BUFFERED_BYTES

AT_ONCE = 64
MOST_WAITING = 256
# Open requests of methods that wait for the end of something.
MOST_LASTING = 256


class OpenRequest(NamedTuple):
    """One request; `size` is that of its frame, which the parameters keep."""

    method: Method
    call: Call
    raw: msgspec.Raw
    size: int


Done = Callable[[OpenRequest, Any, BaseException | None], None]


class Work:
    """The tasks of one connection. `done` is told how each request ended; `behind` whether the client does not read."""

    __slots__ = ("_behind", "_bytes", "_done", "_lane", "_lasting", "_running", "_waiting", "_working")

    def __init__(self, *, done: Done, behind: Callable[[], bool]) -> None:
        self._done = done
        self._behind = behind
        self._lane = Lane()
        self._running: set[asyncio.Task[None]] = set()
        self._waiting: deque[OpenRequest] = deque()
        self._bytes = self._lasting = self._working = 0

    def add(self, asked: OpenRequest) -> bool:
        """Start a request, or let it wait; False when too many or too large ones do already."""
        lasts = asked.method.waits
        starts = self._may_start(asked) and (lasts or not self._waiting)
        is_full = self._lasting >= MOST_LASTING if lasts else not starts and len(self._waiting) >= MOST_WAITING
        if is_full or self._bytes + asked.size > MAX_BUFFERED_BYTES:
            return False
        self._bytes += asked.size
        self._lasting += lasts
        if starts:
            self._start(asked)
        else:
            self._waiting.append(asked)
        return True

    def go_on(self) -> None:
        """Start what waits and may."""
        while self._waiting and self._may_start(self._waiting[0]):
            self._start(self._waiting.popleft())

    def _may_start(self, asked: OpenRequest) -> bool:
        return (asked.method.waits or self._working < AT_ONCE) and not self._behind()

    async def finish(self, *, seconds: float) -> None:
        """Wait for what was begun or accepted, at most for so long."""
        end = asyncio.get_running_loop().time() + seconds
        while self._running and (left := end - asyncio.get_running_loop().time()) > 0:
            await asyncio.wait(tuple(self._running), timeout=left)

    def cancel(self) -> None:
        """End everything, and hold the connection no longer: the socket is gone."""
        self._waiting.clear()
        self._done = _nobody
        for task in tuple(self._running):
            task.cancel()

    def _start(self, asked: OpenRequest) -> None:
        self._working += not asked.method.waits
        task = asyncio.get_running_loop().create_task(self._run(asked))
        self._running.add(task)
        task.add_done_callback(partial(self._ended, asked.method))

    async def _run(self, asked: OpenRequest) -> None:
        method = asked.method
        use_lane(self._lane)
        try:
            async with asyncio.timeout(method.seconds):
                answer = method.handler(asked.call, method.parse(asked.raw))
                if isinstance(answer, Awaitable):
                    answer = await answer
        except Exception as error:
            self._done(asked, None, error)
        else:
            self._done(asked, answer, None)
        finally:
            self._bytes -= asked.size

    def _ended(self, method: Method, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        self._lasting -= method.waits
        self._working -= not method.waits
        if not task.cancelled() and task.exception() is not None:
            raise task.exception()  # type: ignore[misc]  # to the loop's log: `done` never raises
        self.go_on()


def _nobody(asked: OpenRequest, answer: Any, error: BaseException | None) -> None:
    """Take an answer for which the socket is gone."""
