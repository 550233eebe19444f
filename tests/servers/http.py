"""A small asyncio HTTP/1.1 server.

Keep-alive, content-length and chunked bodies, streamed answers, cuts on purpose.

Invariant: requests of one connection are answered one at a time and in order; a handler whose client is gone
is cancelled. Made for tests on loopback, so it knows how to misbehave: refuse, cut, trickle.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from typing import Any

from tests.servers.wire import Cut, Request, Response, frame, parse_head, wants_close

__all__ = ["Gate", "Handler", "HttpServer", "Request", "Response"]

logger = logging.getLogger(__name__)

MAX_HEAD = 64 * 1024


Handler = Callable[[Request], Response | Awaitable[Response]]
Gate = Callable[[Request], bool]


class HttpServer:
    """Listens on one port and hands each request to `handler`.

    `gate` sees a request before its body is read; False cuts the connection there.
    """

    def __init__(
        self, handler: Handler, *, port: int = 0, gate: Gate | None = None, max_body: int = 64 * 1024 * 1024
    ) -> None:
        self.handler = handler
        self.gate = gate
        self.host = "127.0.0.1"
        self.port = port
        self.max_body = max_body
        self.connections: set[Connection] = set()
        self._listener: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._stopped = False

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.port}"

    @property
    def is_open(self) -> bool:
        return self._listener is not None

    async def open(self) -> None:
        """Start listening; after `close` it takes the same port again."""
        if self._listener is None and not self._stopped:
            loop = asyncio.get_running_loop()
            self._listener = await loop.create_server(lambda: Connection(self), self.host, self.port, backlog=512)
            self.port = self._listener.sockets[0].getsockname()[1]

    async def close(self) -> None:
        """Refuse new connections and cut all open ones."""
        if self._listener is not None:
            self._listener.close()
            self._listener = None
        self.cut_all()
        await asyncio.sleep(0)

    async def stop(self) -> None:
        """Close for good, even when a reopening is planned."""
        self._stopped = True
        await self.close()

    def shut_for(self, seconds: float) -> None:
        """Close the door (after the answer under way) and open it again after so many seconds."""
        loop = asyncio.get_running_loop()
        loop.call_later(0.02, lambda: self._spawn(self.close))
        loop.call_later(0.02 + seconds, lambda: self._spawn(self.open))

    def _spawn(self, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        if self._stopped:
            return  # the loop may end before it begins
        task = asyncio.get_running_loop().create_task(work())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def cut_soon(self) -> None:
        """Cut the connections open now, after the answer under way."""
        for connection in tuple(self.connections):
            asyncio.get_running_loop().call_later(0.02, connection.abort)

    def cut_all(self) -> None:
        for connection in tuple(self.connections):
            connection.abort()


class Connection(asyncio.Protocol):
    """One client's connection: a buffer, at most one request being handled."""

    def __init__(self, server: HttpServer) -> None:
        self.server = server
        self.transport: asyncio.Transport | None = None
        self.buffer = bytearray()
        self.request: Request | None = None
        self.task: asyncio.Task[None] | None = None
        self.writable = asyncio.Event()
        self.writable.set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.server.connections.add(self)

    def connection_lost(self, error: Exception | None) -> None:
        self.server.connections.discard(self)
        self.transport = None
        self.writable.set()
        if self.task is not None:
            self.task.cancel()

    def pause_writing(self) -> None:
        self.writable.clear()

    def resume_writing(self) -> None:
        self.writable.set()

    def abort(self) -> None:
        transport, self.transport = self.transport, None
        if transport is not None:
            transport.abort()

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        if self.task is None:
            self._advance()
        elif len(self.buffer) > self.server.max_body and self.transport is not None:
            self.abort()

    def _advance(self) -> None:
        """Handle every complete request in the buffer until one of them needs a task of its own."""
        while self.task is None and self.transport is not None and (request := self._next_request()) is not None:
            self._handle(request)

    def _next_request(self) -> Request | None:
        if self.request is None and not self._read_head():
            return None
        request = self.request
        if request is None or not self._read_body(request):
            return None
        self.request = None
        return request

    def _read_head(self) -> bool:
        end = self.buffer.find(b"\r\n\r\n")
        if end < 0:
            if len(self.buffer) > MAX_HEAD:
                self.abort()
            return False
        head = self.buffer[:end].decode("latin-1")
        del self.buffer[: end + 4]
        try:
            request = parse_head(head)
        except ValueError:
            self._write(Response(status=400, body=b'{"error":"bad request line or header"}'), close=True)
            return False
        return self._admit(request)

    def _admit(self, request: Request) -> bool:
        if self.server.gate is not None and not self.server.gate(request):
            self.abort()
            return False
        if request.length > self.server.max_body:
            self._write(Response(status=413, body=b'{"ok":false,"error_code":413}'), close=True)
            return False
        if request.headers.get("expect", "").lower() == "100-continue" and self.transport is not None:
            self.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        self.request = request
        return True

    def _read_body(self, request: Request) -> bool:
        if request.chunked:
            try:
                return self._read_chunks(request)
            except ValueError:
                self.abort()
                return False
        if len(self.buffer) < request.length:
            return False
        request.body = bytes(self.buffer[: request.length])
        del self.buffer[: request.length]
        return True

    def _read_chunks(self, request: Request) -> bool:
        """Take whole chunks out of the buffer; True when the last one is there."""
        while (line_end := self.buffer.find(b"\r\n")) >= 0:
            size = int(bytes(self.buffer[:line_end]).split(b";")[0] or b"0", 16)
            end = line_end + 2 + size + 2
            if len(self.buffer) < end:
                return False
            request.body += bytes(self.buffer[line_end + 2 : line_end + 2 + size])
            del self.buffer[:end]
            if size == 0:
                return True
            if len(request.body) > self.server.max_body:
                self.abort()
                return False
        return False

    def _handle(self, request: Request) -> None:
        try:
            answer = self.server.handler(request)
        except Cut:
            self.abort()
            return
        except Exception:
            answer = failure(request)
        if isinstance(answer, Response) and answer.stream is None:
            self._write(answer, close=wants_close(request))
            return
        self.task = asyncio.get_running_loop().create_task(self._finish(request, answer))
        if isinstance(answer, Coroutine):
            # A client that is gone at once cancels the task before it takes its first step.
            self.task.add_done_callback(lambda _: answer.close())

    async def _finish(self, request: Request, answer: Response | Awaitable[Response]) -> None:
        try:
            response = answer if isinstance(answer, Response) else await answer
            if response.stream is None:
                self._write(response, close=wants_close(request))
            else:
                await self._write_stream(response, response.stream)
                if wants_close(request) and self.transport is not None:
                    self.transport.close()
        except Cut:
            self.abort()
        except asyncio.CancelledError:
            self.abort()
            raise
        except Exception:
            self._write(failure(request), close=True)
        finally:
            self.task = None
        self._advance()

    def _write(self, response: Response, *, close: bool = False) -> None:
        if self.transport is not None:
            self.transport.write(response.head() + response.body)
            if close:
                self.transport.close()

    async def _write_stream(self, response: Response, stream: AsyncIterator[bytes]) -> None:
        """Send the head and `body`, then each item as one chunk.

        A Cut inside the stream cuts the connection.
        """
        self._push(response.head() + (frame(response.body) if response.body else b""))
        try:
            async for item in stream:
                self._push(frame(item))
                await self.writable.wait()
        finally:
            close = getattr(stream, "aclose", None)
            if close is not None:
                await close()
        self._push(b"0\r\n\r\n")

    def _push(self, data: bytes) -> None:
        if self.transport is None:
            raise Cut
        self.transport.write(data)


def failure(request: Request) -> Response:
    """The answer to a fault of the emulator itself, which is logged with its traceback."""
    logger.exception("%s %s failed", request.method, request.path)
    return Response(status=500, body=b'{"ok":false,"error_code":500,"description":"Internal Server Error"}')
