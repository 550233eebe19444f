"""The client for programs without an event loop: the same calls, each waiting for its end. Safe to share by threads.

with connect(target) as client:
    print(client.request("health"))
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import threading
from collections.abc import Callable, Coroutine, Iterator, Mapping
from typing import Any, Self, TypeVar

from clawsite.rpc.client import GatewayClient
from clawsite.rpc.errors import ClientClosed
from clawsite.rpc.frames import Event
from clawsite.rpc.hello import Hello
from clawsite.rpc.target import GatewayTarget
from clawsite.rpc.watch import JobEvent

T = TypeVar("T")
STOP_SECONDS = 10.0


def connect(target: GatewayTarget, *, patience: float = 0.0, **options: Any) -> BlockingClient:
    """Return a connected client; raises what GatewayClient.connect raises. Close it, or use it in a `with` block."""
    client = BlockingClient(target, **options)
    try:
        client.connect(patience=patience)
    except BaseException:
        client.close()
        raise
    return client


class BlockingClient:
    """A GatewayClient on an event loop of its own, in a thread of its own. Takes the same options."""

    def __init__(self, target: GatewayTarget, **options: Any) -> None:
        self.target = target
        self._is_closed = False
        self._lock = threading.Lock()
        self._closing = threading.Lock()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name=f"gateway {target.id}", daemon=True)
        self._thread.start()
        self._client = self._wait(_make(target, options))

    @property
    def hello(self) -> Hello | None:
        """What the gateway said of itself, while there is a connection."""
        return self._client.hello

    def connect(self, *, patience: float = 0.0, timeout: float | None = None) -> Hello:
        """Connect; see GatewayClient.connect."""
        return self._wait(self._client.connect(patience=patience, timeout=timeout))

    def request(
        self,
        method: str,
        params: Mapping[str, Any] | None = None,
        *,
        timeout: float | None = None,
        idempotency_key: str | None = None,
        expect_final: bool = False,
        on_accepted: Callable[[Any], None] | None = None,
        tries: int | None = None,
    ) -> Any:
        """Call a method; see GatewayClient.request. `on_accepted` is called in the client's thread."""
        work = self._client.request(
            method,
            params,
            timeout=timeout,
            idempotency_key=idempotency_key,
            expect_final=expect_final,
            on_accepted=on_accepted,
            tries=tries,
        )
        return self._wait(work)

    def subscribe(self, job_id: str, after_seq: int = 0) -> Iterator[JobEvent]:
        """Yield the events of a job; see GatewayClient.subscribe."""
        watch = self._client.subscribe(job_id, after_seq)
        try:
            while (event := self._wait(_next(watch))) is not None:
                yield event
        finally:
            self._wait_if_open(watch.aclose())

    def events(self, *names: str) -> Iterator[Event]:
        """Yield events of these names from the call on; see GatewayClient.events."""
        return self._read(self._wait(_call(lambda: self._client.events(*names))))

    def ping(self) -> float:
        """Return how many seconds the gateway takes to answer."""
        return self._wait(self._client.ping())

    def close(self) -> None:
        """End the connection and the thread; safe to call twice, and from any thread."""
        with self._closing:
            if self._is_closed:
                return
            with self._lock:
                # Whatever was given to the loop before this is ended by `_stop`; nothing comes after it.
                self._is_closed = True
                stopping = asyncio.run_coroutine_threadsafe(_stop(self._client), self._loop)
            with contextlib.suppress(TimeoutError):
                stopping.result(STOP_SECONDS)
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(STOP_SECONDS)
            self._loop.close()

    def __enter__(self) -> Self:
        """Use for the length of a block."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close."""
        self.close()

    def __repr__(self) -> str:
        """Name the target, and nothing that is secret."""
        return f"<BlockingClient of {self.target.id} at {self.target.ws_url}>"

    def _read(self, stream: Any) -> Iterator[Event]:
        try:
            while (event := self._wait(_next(stream))) is not None:
                yield event
        finally:
            self._wait_if_open(stream.aclose())

    def _wait(self, work: Coroutine[Any, Any, T]) -> T:
        """Run on the client's loop and wait here; an interruption here cancels it there."""
        with self._lock:
            if self._is_closed or not self._thread.is_alive():
                work.close()
                raise ClientClosed("The client was closed, or belongs to the process that this one was forked from.")
            future = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return future.result()
        except concurrent.futures.CancelledError:
            raise ClientClosed("The client was closed.") from None
        except BaseException:
            future.cancel()
            raise

    def _wait_if_open(self, work: Coroutine[Any, Any, None]) -> None:
        with contextlib.suppress(ClientClosed):
            self._wait(work)


async def _make(target: GatewayTarget, options: dict[str, Any]) -> GatewayClient:
    return GatewayClient(target, **options)


async def _call(call: Callable[[], T]) -> T:
    return call()


async def _next(source: Any) -> Any:
    return await anext(source, None)


async def _stop(client: GatewayClient) -> None:
    """Close the client, and let what still runs on this loop end."""
    await client.close()
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
