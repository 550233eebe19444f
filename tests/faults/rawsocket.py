"""A WebSocket that sends whatever it is told to, many frames at a time, and reads what comes back."""

from __future__ import annotations

import asyncio
import contextlib
import json
import struct
from collections import deque
from collections.abc import AsyncIterator

from tests.clawsite.gateway.seat import connect_params

TEXT, PING, PONG, CLOSE = 1, 9, 10, 8
READ_SECONDS = 20.0
_UPGRADE = (
    "GET / HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\n{more}\r\n"
)


def frame(opcode: int, payload: bytes) -> bytes:
    """Return a client's frame; its mask is zero, so that the payload goes out as it is."""
    size = len(payload)
    if size < 126:
        head = struct.pack("!BB", 0x80 | opcode, 0x80 | size)
    elif size < 65536:
        head = struct.pack("!BBH", 0x80 | opcode, 0x80 | 126, size)
    else:
        head = struct.pack("!BBQ", 0x80 | opcode, 0x80 | 127, size)
    return head + bytes(4) + payload


class RawSocket:
    """An open WebSocket. After its end `code` is what the server closed it with, 1006 without a word."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer
        self.code: int | None = None
        self._data = b""
        self._came: deque[tuple[int, bytes]] = deque()

    def write(self, *frames: tuple[int, bytes]) -> None:
        """Send frames in one go."""
        self.writer.write(b"".join(frame(opcode, payload) for opcode, payload in frames))

    async def drain(self) -> None:
        """Wait until they are on their way."""
        with contextlib.suppress(ConnectionError):
            await self.writer.drain()

    async def read_until(self, end: bytes, *, opcode: int = 1) -> list[bytes]:
        """Return the payloads up to the one that holds `end`, or up to the end of the socket."""
        found: list[bytes] = []
        while self.code is None or self._came:
            while self._came:
                kind, payload = self._came.popleft()
                if kind == CLOSE:
                    self.code = int.from_bytes(payload[:2]) if len(payload) > 1 else 1005
                    return found
                found.append(payload)
                if kind == opcode and end in payload:
                    return found
            if self.code is None:
                await self._read_more()
        return found

    async def read_some(self) -> list[bytes]:
        """Return what has come, once there is something; nothing at the end of the socket."""
        while not self._came and self.code is None:
            await self._read_more()
        found: list[bytes] = []
        while self._came:
            kind, payload = self._came.popleft()
            if kind == CLOSE:
                self.code = int.from_bytes(payload[:2])
            else:
                found.append(payload)
        return found

    async def connect(self, token: str) -> list[bytes]:
        """Shake hands; return what came."""
        request = {"type": "req", "id": "connect", "method": "connect", "params": connect_params(token)}
        self.write((1, json.dumps(request).encode()))
        return await self.read_until(b'"id":"connect"')

    async def ping(self) -> list[bytes]:
        """Return what comes until the server has seen everything that was sent."""
        self.write((PING, b"seen"))
        return await self.read_until(b"seen", opcode=PONG)

    async def _read_more(self) -> None:
        try:
            async with asyncio.timeout(READ_SECONDS):
                more = await self.reader.read(1 << 18)
        except ConnectionError:
            more = b""
        if not more:
            self.code = 1006
        self._data += more
        self._take_frames()

    def _take_frames(self) -> None:
        """Take the whole frames out of what was read."""
        data, at = self._data, 0
        while len(data) >= at + 2:
            size, start = data[at + 1] & 0x7F, at + 2
            if size > 125:
                width = 2 if size == 126 else 8
                if len(data) < start + width:
                    break
                size, start = int.from_bytes(data[start : start + width]), start + width
            if len(data) < start + size:
                break
            self._note(data[at] & 0x0F, data[start : start + size])
            at = start + size
        self._data = data[at:]

    def _note(self, opcode: int, payload: bytes) -> None:
        """Keep a frame; whoever asks for a sign of life gets one, as from any client that reads."""
        self._came.append((opcode, payload))
        if opcode == PING:
            self.write((PONG, payload))


@contextlib.asynccontextmanager
async def raw_streams(port: int, *, more: str = "") -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """Open a WebSocket, with more header lines if wanted, and cut it at the end."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(_UPGRADE.format(port=port, more=more).encode())
        head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), READ_SECONDS)
        assert b" 101 " in head, head
        yield reader, writer
    finally:
        writer.transport.abort()


@contextlib.asynccontextmanager
async def raw_socket(port: int, *, more: str = "") -> AsyncIterator[RawSocket]:
    """Open a WebSocket that is read and written a frame at a time."""
    async with raw_streams(port, more=more) as (reader, writer):
        yield RawSocket(reader, writer)
