"""The socket as a connection sees it: frames go out, and how much of that the far end has not taken.

Daphne's own socket says so through the scope (clawsite.ops.wire). On another ASGI server `QueuedWire` does the same
with a queue: it knows less, so it counts everything that the server has not accepted yet.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Any, Protocol

EXTENSION = "claw.wire"
Receive = Callable[[bytes], None]
Send = Callable[[dict[str, Any]], Awaitable[None]]


class Wire(Protocol):
    """One open WebSocket. Nothing here blocks or raises; after the end of the socket everything is silently nothing."""

    sent: int
    """Bytes that were sent here so far."""

    @property
    def unsent(self) -> int:
        """Bytes that were sent here and not yet taken by the far end's side of the kernel."""

    def attach(self, receive: Receive, drained: Callable[[], None]) -> None:
        """Hand every text or binary frame to a function from here on, and say when much was unsent and nothing is."""

    def limit(self, size: int) -> None:
        """Close with 1009 when a frame of the client is larger than this."""

    def send(self, *parts: bytes) -> None:
        """Send one text frame made of these parts."""

    def pause(self) -> None:
        """Stop reading; what the client sends stays in the kernel and then with the client."""

    def resume(self) -> None:
        """Read again."""

    def close(self, code: int, reason: str = "") -> None:
        """Send the close frame after everything that was sent; the socket ends soon, whatever the client does."""

    def abort(self) -> None:
        """Cut the connection."""


def open_wire(scope: Mapping[str, Any], send: Send) -> Wire:
    """Return the wire of an accepted socket."""
    found: Wire | None = scope.get("extensions", {}).get(EXTENSION)
    return found or QueuedWire(send)


class QueuedWire:
    """A wire over plain ASGI: one task sends what was queued, as fast as the server takes it."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._queue: deque[dict[str, Any]] = deque()
        self._wake = asyncio.Event()
        self.readable = asyncio.Event()
        self.readable.set()
        self._drained: Callable[[], None] = lambda: None
        self.sent = self.unsent = 0
        self.most = 0
        self._closing = False
        self._task = asyncio.get_running_loop().create_task(self._pump())

    def attach(self, receive: Receive, drained: Callable[[], None]) -> None:
        """Remember whom to tell; the consumer hands frames over itself."""
        self._drained = drained

    def limit(self, size: int) -> None:
        """Remember it; the consumer checks."""
        self.most = size

    def send(self, *parts: bytes) -> None:
        """Queue one text frame."""
        if not self._closing:
            text = b"".join(parts)
            self.sent += len(text)
            self.unsent += len(text)
            self._put({"type": "websocket.send", "text": text.decode()})

    def pause(self) -> None:
        """Have the consumer wait before the next frame."""
        self.readable.clear()

    def resume(self) -> None:
        """Let it go on."""
        self.readable.set()

    def close(self, code: int, reason: str = "") -> None:
        """Queue the end."""
        if not self._closing:
            self._closing = True
            self._put({"type": "websocket.close", "code": code, "reason": reason})
        self.readable.set()

    def abort(self) -> None:
        """Forget what waits, and end."""
        self._queue.clear()
        self.close(1008)

    def end(self) -> None:
        """Stop the task; the socket is gone."""
        self._closing = True
        self.readable.set()
        self._task.cancel()

    def _put(self, message: dict[str, Any]) -> None:
        self._queue.append(message)
        self._wake.set()

    async def _pump(self) -> None:
        with suppress(Exception):  # whatever a server raises for a socket that is gone; its end is told by receive()
            while True:
                while self._queue:
                    message = self._queue.popleft()
                    await self._send(message)
                    self.unsent -= len(message.get("text", "").encode())
                self._drained()
                self._wake.clear()
                await self._wake.wait()
