"""Running a server on the caller's event loop or on a thread of its own, with safe access to its state.

Invariant: the state of a server is touched on its loop only; `on_loop` brings a call there from anywhere.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Coroutine, Iterator
from typing import Any, Self, TypeVar

T = TypeVar("T")
CALL_SECONDS = 20.0


class Hosted(ABC):
    """A server with an async life; `running()` gives it a thread, so that blocking tests can use it too."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread_id: int | None = None

    @abstractmethod
    async def _open(self) -> None: ...

    @abstractmethod
    async def _close(self) -> None: ...

    async def start(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._thread_id = threading.get_ident()
        await self._open()

    async def stop(self) -> None:
        """Close on the loop the server lives on."""
        await self._close()
        self._loop = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    def on_loop(self, call: Callable[[], T]) -> T:
        """Run `call` on the server's loop and return its result; at most 20 s."""
        loop = self._loop
        if loop is None or threading.get_ident() == self._thread_id:
            return call()
        future: concurrent.futures.Future[T] = concurrent.futures.Future()

        def run() -> None:
            try:
                future.set_result(call())
            except BaseException as error:
                future.set_exception(error)

        loop.call_soon_threadsafe(run)
        return future.result(timeout=CALL_SECONDS)

    @contextlib.contextmanager
    def running(self) -> Iterator[Self]:
        """Serve from a thread of its own until the block ends."""
        loop = asyncio.new_event_loop()
        thread = threading.Thread(target=loop.run_forever, name=type(self).__name__, daemon=True)
        thread.start()
        try:
            _await(loop, self.start())
            yield self
        finally:
            try:
                if self._loop is not None:
                    _await(loop, self.stop())
                _await(loop, _end_tasks())
            finally:
                loop.call_soon_threadsafe(loop.stop)
                thread.join(timeout=CALL_SECONDS)
                loop.close()


def _await(loop: asyncio.AbstractEventLoop, work: Coroutine[Any, Any, T]) -> T:
    return asyncio.run_coroutine_threadsafe(work, loop).result(timeout=CALL_SECONDS)


async def _end_tasks() -> None:
    """Cancel what still runs on this loop and wait for it."""
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
