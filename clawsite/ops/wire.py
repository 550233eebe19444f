"""What Daphne's WebSocket lets the application do beyond ASGI: see what is unsent, stop reading, set frame limits.

Frames of an attached socket skip ASGI: a whole unfragmented frame is unmasked and handed over at once, and answers
leave in one write. Everything else (fragments, control frames, the handshake) stays with autobahn.
"""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Callable
from typing import Any

from daphne.http_protocol import WebRequest
from daphne.ws_protocol import WebSocketProtocol
from websockets.frames import apply_mask  # type: ignore[attr-defined]

from clawsite.ops.memory import LARGE_BYTES, give_back_soon, note_ended
from clawsite.web import sockets

TEXT, BINARY = 0x81, 0x82
CLOSE_TOO_BIG = 1009
# How long the rest of a message that is too large is read and thrown away.
REST_SECONDS = 10
# Frames of one socket that are answered before others get their turn.
BATCH = 64


def frame(payload: bytes) -> bytes:
    """Return an unmasked text frame."""
    size = len(payload)
    if size < 126:
        return struct.pack("!BB", TEXT, size) + payload
    if size < 65536:
        return struct.pack("!BBH", TEXT, 126, size) + payload
    return struct.pack("!BBQ", TEXT, 127, size) + payload


class Request(WebRequest):  # type: ignore[misc]  # Daphne carries no types
    """Daphne's request, which leaves its connection when that has become a socket's."""

    def process(self) -> Any:
        """Answer it, or hand its transport over: then the connection would keep it, and it the connection."""
        done = super().process()
        if self.transport is None and self in self.channel.requests:
            self.channel.requests.remove(self)
        return done


class WebSocket(WebSocketProtocol):  # type: ignore[misc]  # Daphne carries no types
    """Daphne's socket and the wire of the gateway in one."""

    data: bytes
    claw_receive: Callable[[bytes], None] | None = None
    _reading = False
    _paused = False
    claw_drained: Callable[[], None] | None = None
    sent = 0
    _out: list[bytes] | None = None
    _out_bytes = 0

    # --- the wire -------------------------------------------------------------------------------------------------
    @property
    def unsent(self) -> int:
        """Bytes that the kernel has not taken; under TLS those of the encrypted stream."""
        return _count_unsent(self.transport) + (self._out_bytes if self._out else 0)

    def attach(self, receive: Callable[[bytes], None], drained: Callable[[], None]) -> None:
        """Hand whole messages to a function instead of Daphne's queue, and say when everything is with the kernel.

        From here on pings are sent whatever the client sends, so that one that only writes is found out too. A text
        that is no UTF-8 is the receiver's to refuse: autobahn sees only frames that come in parts, and cuts the socket.
        """
        self.claw_receive, self.claw_drained = receive, drained
        self.utf8validateIncoming = False
        self.autoPingRestartOnAnyTraffic = False
        self.transport.unregisterProducer()
        self.transport.registerProducer(self, True)

    def limit(self, size: int) -> None:
        """Set the largest frame and message."""
        self.maxFramePayloadSize = self.maxMessagePayloadSize = size

    def send(self, *parts: bytes) -> None:
        """Send one text frame; during a batch of requests together with the other answers."""
        if self.state != self.STATE_OPEN:
            return
        data = frame(b"".join(parts))
        self.sent += len(data)
        if self._out is None:
            self.transport.write(data)
        else:
            self._out.append(data)
            self._out_bytes += len(data)

    def pause(self) -> None:
        """Stop reading."""
        if not self._paused:
            self._paused = True
            self.transport.pauseProducing()

    def resume(self) -> None:
        """Read again, and first what was read but not looked at."""
        if self._paused:
            self._paused = False
            if self.state != self.STATE_CLOSED:
                self.transport.resumeProducing()
                _later(self.consumeData)

    def close(self, code: int, reason: str = "") -> None:
        """Begin the closing handshake; autobahn cuts the connection when it takes too long."""
        self._flush()
        if self.state == self.STATE_OPEN:
            text = reason.encode()[:123].decode(errors="ignore").encode()
            self.sendCloseFrame(code=code, reasonUtf8=text, isReply=False)
        if self._paused:
            self.resume()

    def abort(self) -> None:
        """Cut the connection."""
        self.dropConnection(abort=True)

    def _sendAutoPing(self) -> None:
        """Send a ping, unless the last one is still on its way."""
        if self.autoPingTimeoutCall is None:
            super()._sendAutoPing()

    # --- below it -------------------------------------------------------------------------------------------------
    def serverClose(self, code: int | None = None) -> None:
        """Begin the closing handshake with any code (Daphne knows only those of applications)."""
        self.sendCloseFrame(code=1000 if code is None else code, reasonUtf8=b"", isReply=False)

    def pauseProducing(self) -> None:
        """The transport's buffer fills up: whoever sends looks at `unsent`."""

    def resumeProducing(self) -> None:
        """The transport's buffer has been full and is empty."""
        if self.claw_drained is not None:
            _later(self.claw_drained)

    def stopProducing(self) -> None:
        """The connection is lost, which is told elsewhere."""

    def connectionLost(self, reason: Any) -> None:
        """Hold nothing any more that holds this socket, so that all of it goes at once, and count the end."""
        super().connectionLost(reason)
        self.claw_receive = self.claw_drained = None
        self.is_closed = None  # it was resolved with this socket itself
        note_ended(sockets.count_open())

    def onAutoPingTimeout(self) -> None:
        """Drop a client that answers no ping, unless its answer cannot have come: somebody else watches those."""
        if self._paused or self.current_frame is not None or self.unsent:
            self.autoPingPending = self.autoPingTimeoutCall = None
        else:
            super().onAutoPingTimeout()

    def onMessage(self, payload: bytes, isBinary: bool) -> None:
        """Hand over what came in fragments or in several reads."""
        if len(payload) > LARGE_BYTES:
            give_back_soon()
        if self.claw_receive is None:
            super().onMessage(payload, isBinary)
        elif not self.muted:
            self.claw_receive(payload)

    def consumeData(self) -> None:
        """Take frames out of what was read, a batch at a time; answers are written together."""
        if self.claw_receive is None or self._reading:
            super().consumeData()
            return
        self._reading = True
        self._out = []
        try:
            self._consume(self.claw_receive)
        finally:
            self._reading = False
            self._flush()
            self._out = None

    def _consume(self, receive: Callable[[bytes], None]) -> None:
        taken = 0
        while self.state in (self.STATE_OPEN, self.STATE_CLOSING):
            if self._paused:
                return
            if taken >= BATCH:
                if self.data:
                    _later(self.consumeData)
                return
            payload = self._take_frame()
            if payload is not None:
                receive(payload)
            elif not self.processData():
                return
            taken += 1

    def _take_frame(self) -> bytes | None:
        """Return the payload of the next frame when it is a whole small message; None: that is autobahn's to find."""
        data = self.data
        if len(data) < 6 or self.current_frame is not None or self.inside_message or self.state != self.STATE_OPEN:
            return None
        size, start = data[1] & 0x7F, 2
        if data[0] not in (TEXT, BINARY) or data[1] < 0x80 or size == 127:
            return None
        if size == 126:
            size, start = data[2] << 8 | data[3], 4
        end = start + 4 + size
        if size < (126 if start == 4 else 0) or len(data) < end or 0 < self.maxFramePayloadSize < size:
            return None
        payload: bytes = apply_mask(data[start + 4 : end], data[start : start + 4])
        self.data = data[end:]
        return payload

    def _flush(self) -> None:
        if self._out:
            data = self._out
            self._out, self._out_bytes = ([] if self._reading else None), 0
            self.transport.writeSequence(data)

    def _max_message_size_exceeded(self, *_: Any) -> None:
        """Say why with a close frame, and read the rest: a cut in the middle would hide that frame from the client."""
        self.failedByMe = True
        self.closeHandshakeTimeout = REST_SECONDS
        self.close(CLOSE_TOO_BIG, "payload too large")


def _count_unsent(transport: Any) -> int:
    """Return what Twisted keeps for a transport: of a plain socket, and what TLS has not encrypted yet."""
    lower = getattr(transport, "transport", None) or transport
    if not hasattr(lower, "_tempDataLen"):
        return 0
    waiting = int(len(lower.dataBuffer) - lower.offset + lower._tempDataLen)
    if lower is not transport:
        waiting += sum(map(len, getattr(transport, "_appSendBuffer", ())))
    return waiting


def _later(work: Callable[[], None]) -> None:
    asyncio.get_running_loop().call_soon(work)
