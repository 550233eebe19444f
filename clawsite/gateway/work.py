"""Requests that take time: tasks of one connection, at most 64 at once, the rest queued to a bound, then refused.

Those that wait for what others do, for minutes or hours, have places of their own: they keep nobody from their turn.
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


class OpenRequest(NamedTuple):
    """One request; `size` is that of its frame, which the parameters keep."""

    method: Method
    call: Call
    raw: msgspec.Raw
    size: int


Done = Callable[[OpenRequest, Any, BaseException | None], None]


class Work:
    """The tasks of one connection. `done` is told how each request ended; `behind` whether the client does not read."""

    __slots__ = ("_behind", "_bytes", "_count", "_done", "_lane", "_running", "_waiting")

    def __init__(self, *, done: Done, behind: Callable[[], bool]) -> None:
        self._done = done
        self._behind = behind
        self._lane = Lane()
        self._running: set[asyncio.Task[None]] = set()
        # By whether the method waits: how many run, and what is queued.
        self._count = {False: 0, True: 0}
        self._waiting: dict[bool, deque[OpenRequest]] = {False: deque(), True: deque()}
        self._bytes = 0

    def add(self, asked: OpenRequest) -> bool:
        """Start a request, or let it wait; False when too many or too large ones do already."""
        waiting = self._waiting[asked.method.waits]
        if self._bytes + asked.size > MAX_BUFFERED_BYTES:
            return False
        if not waiting and self._may_start(asked.method):
            self._bytes += asked.size
            self._start(asked)
            return True
        if len(waiting) >= MOST_WAITING:
            return False
        self._bytes += asked.size
        waiting.append(asked)
        return True

    def go_on(self) -> None:
        """Start what waits and may."""
        for waiting in self._waiting.values():
            while waiting and self._may_start(waiting[0].method):
                self._start(waiting.popleft())

    def _may_start(self, method: Method) -> bool:
        return self._count[method.waits] < AT_ONCE and not self._behind()

    async def finish(self, *, seconds: float) -> None:
        """Wait for what was begun or accepted, at most for so long."""
        end = asyncio.get_running_loop().time() + seconds
        while self._running and (left := end - asyncio.get_running_loop().time()) > 0:
            await asyncio.wait(tuple(self._running), timeout=left)

    def cancel(self) -> None:
        """End everything, and hold the connection no longer: the socket is gone."""
        for waiting in self._waiting.values():
            waiting.clear()
        self._done = _nobody
        for task in tuple(self._running):
            task.cancel()

    def _start(self, asked: OpenRequest) -> None:
        self._count[asked.method.waits] += 1
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
        self._count[method.waits] -= 1
        if not task.cancelled() and task.exception() is not None:
            raise task.exception()  # type: ignore[misc]  # to the loop's log: `done` never raises
        self.go_on()


def _nobody(asked: OpenRequest, answer: Any, error: BaseException | None) -> None:
    """Take an answer for which the socket is gone."""
