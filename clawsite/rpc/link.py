"""One authenticated connection, from hello-ok to its end: requests out, responses and events in.

Invariant: every call ends, by its answer, its time limit, its cancellation, or the end of the connection.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import msgspec
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed
from websockets.protocol import State

from clawsite.rpc import codes
from clawsite.rpc.dial import hang_up
from clawsite.rpc.errors import ConnectionLost, RequestTimeout, RequestTooBig, RpcError
from clawsite.rpc.frames import ErrorShape, Event, Request, Response
from clawsite.rpc.hello import Hello
from clawsite.rpc.watchdog import Watchdog

logger = logging.getLogger(__name__)
_decoder = msgspec.json.Decoder(Event | Response)
_encoder = msgspec.json.Encoder()
AT_ONCE = 100
NOT_JSON = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
_SIGNS_OF_LIFE = ("tick", "presence", "health", "shutdown")


@dataclass(frozen=True, slots=True)
class Pending:
    """A call that waits. With `is_final`, an answer that only says "accepted" goes to `on_accepted`."""

    future: asyncio.Future[Any]
    method: str
    is_final: bool
    on_accepted: Callable[[Any], None] | None


class Link:
    """The open connection. `run` reads it until it ends; `call` may be used from many tasks at once.

    hide: takes the token out of what the gateway says for people.
    """

    def __init__(
        self,
        socket: ClientConnection,
        hello: Hello,
        *,
        on_event: Callable[[Event, int], None],
        on_frame: Callable[[bytes], None] | None = None,
        hide: Callable[[str], str] = str,
    ) -> None:
        self.hello = hello
        self.was_useful = False
        """Whether anything was answered, or told that is more than a sign of life."""
        self._socket = socket
        self._on_event = on_event
        self._on_frame = on_frame
        self._hide = hide
        self._pending: dict[str, Pending] = {}
        self._count = 0
        self._end: ConnectionLost | None = None
        self._ending: set[asyncio.Task[None]] = set()

    @property
    def is_open(self) -> bool:
        """Whether calls can be made."""
        return self._end is None and self._socket.state is State.OPEN

    @property
    def in_flight(self) -> int:
        """How many calls wait for their answer."""
        return len(self._pending)

    async def call(
        self,
        method: str,
        params: Any,
        *,
        seconds: float,
        until: float | None = None,
        expect_final: bool = False,
        on_accepted: Callable[[Any], None] | None = None,
    ) -> Any:
        """Return the payload of the answer; RpcError, RequestTimeout, ConnectionLost or RequestTooBig.

        seconds: the time limit; until: when it ends by the loop's clock, when it began before this call.
        """
        loop = asyncio.get_running_loop()
        frame_id, frame = self._make_frame(method, params)
        if not self.is_open:
            raise ConnectionLost("The connection to the gateway is gone.", was_sent=False)
        future = loop.create_future()
        self._pending[frame_id] = Pending(future, method, expect_final, on_accepted)
        try:
            async with asyncio.timeout_at(loop.time() + seconds if until is None else until):
                await self._socket.send(frame, text=True)
                return await future
        except TimeoutError:
            raise RequestTimeout(method, seconds) from None
        except ConnectionClosed:
            raise self._lost().with_traceback(None) from None
        finally:
            self._pending.pop(frame_id, None)

    def post(self, method: str, params: Any, *, unless: Callable[[], bool]) -> None:
        """Send a request whose answer nobody needs, a moment later, unless it is no longer wanted by then."""
        if self.is_open:
            self._keep(self._send_later(self._make_frame(method, params)[1], unless))

    async def run(self) -> ConnectionLost:
        """Read until the connection ends; return how it ended. Calls that wait then fail with it."""
        watchdog = Watchdog(2 * self.hello.tick_seconds, self._drop_silent)
        try:
            while True:
                for _ in range(AT_ONCE):
                    data = await self._socket.recv(decode=False)
                    watchdog.heard()
                    self._take(data)
                # What has arrived is received without a pause; those it is for need their turn before there is more.
                await asyncio.sleep(0)
        except ConnectionClosed:
            return self._lost()
        except NOT_JSON:
            self._keep(hang_up(self._socket, codes.CLOSE_PROTOCOL, "not JSON"))
            return self._lost("The gateway sent something that is not JSON.")
        finally:
            watchdog.stop()
            self._fail_all(self._lost())

    async def close(self, code: int = codes.CLOSE_NORMAL, reason: str = "") -> None:
        """End the connection, with at most the socket's close time."""
        await hang_up(self._socket, code, reason)
        await asyncio.gather(*self._ending, return_exceptions=True)

    def _make_frame(self, method: str, params: Any) -> tuple[str, bytes]:
        self._count += 1
        frame_id = str(self._count)
        request = Request(id=frame_id, method=method, params=msgspec.Raw(_encoder.encode(params)))
        frame = _encoder.encode(request)
        if len(frame) > self.hello.max_payload:
            raise RequestTooBig(f"{method}: {len(frame)} bytes, and the gateway takes {self.hello.max_payload}.")
        return frame_id, frame

    def _take(self, data: bytes) -> None:
        if self._on_frame is not None:
            self._on_frame(data)
        try:
            frame = _decoder.decode(data)
        except msgspec.ValidationError as error:
            # JSON, but none of the frames this client knows: of a later version, perhaps.
            logger.debug("skipped a frame of the gateway: %s", error)
            return
        if not isinstance(frame, Event):
            self._answer(frame)
        else:
            self.was_useful = self.was_useful or frame.event not in _SIGNS_OF_LIFE
            self._on_event(frame, len(data))

    def _answer(self, frame: Response) -> None:
        pending = self._pending.get(frame.id)
        if pending is None or pending.future.done():
            return  # given up, or answered before
        self.was_useful = True
        if not frame.ok:
            shape = frame.error or ErrorShape(code=codes.UNAVAILABLE, message="it failed and did not say why")
            shape = msgspec.structs.replace(shape, message=self._hide(shape.message))
            pending.future.set_exception(RpcError(pending.method, shape, payload=frame.payload))
        elif pending.is_final and _is_accepted(frame.payload):
            if pending.on_accepted is not None:
                pending.on_accepted(frame.payload)
        else:
            pending.future.set_result(frame.payload)

    def _drop_silent(self) -> None:
        """Give a connection up over which nothing comes any more, even though nobody ended it."""
        silence = f"Nothing came from the gateway for {2 * self.hello.tick_seconds:g} s."
        self._end = ConnectionLost(silence, close_code=codes.CLOSE_TICK_TIMEOUT)
        self._fail_all(self._end)
        self._keep(hang_up(self._socket, codes.CLOSE_TICK_TIMEOUT, "tick timeout"))

    def _lost(self, message: str = "") -> ConnectionLost:
        if self._end is None:
            code = self._socket.close_code
            said = f" ({code} {self._socket.close_reason}".rstrip() + ")" if code is not None else ""
            text = message or f"The connection to the gateway ended{self._hide(said)}."
            self._end = ConnectionLost(text, close_code=code)
        return self._end

    def _fail_all(self, error: ConnectionLost) -> None:
        for pending in self._pending.values():
            if not pending.future.done():
                pending.future.set_exception(ConnectionLost(str(error), close_code=error.close_code))

    async def _send_later(self, frame: bytes, unless: Callable[[], bool]) -> None:
        if not unless():
            with contextlib.suppress(ConnectionClosed):
                await self._socket.send(frame, text=True)

    def _keep(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)


def _is_accepted(payload: Any) -> bool:
    return isinstance(payload, dict) and payload.get("status") == "accepted"
