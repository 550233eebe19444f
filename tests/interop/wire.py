"""A proxy that passes everything on and keeps every frame of the WebSockets that go through it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, cast

from tests.servers.proxy import TcpProxy

TEXT, CONTINUED, CLOSE = 1, 0, 8
MASK_BYTES = 4


@dataclass(frozen=True, kw_only=True)
class Recorded:
    """One text frame, or the two bytes and the reason of a close, as they were on the wire."""

    from_server: bool
    text: str
    is_close: bool = False

    @property
    def frame(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.text)
        return found


class RecordingProxy(TcpProxy):
    """Keeps frames in `frames`, in the order in which they passed, of all connections together."""

    def __init__(self, target_port: int) -> None:
        super().__init__(target_port)
        self.frames: list[Recorded] = []

    def requests(self) -> list[dict[str, Any]]:
        """Return what clients sent so far."""
        return [each.frame for each in self.frames if not each.from_server and not each.is_close]

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, up: bool) -> None:
        tee = Tee(reader, self.frames, from_server=not up)
        await super()._pass(cast(asyncio.StreamReader, tee), writer, up=up)


class Tee:
    """A reader of one direction that reads along."""

    def __init__(self, reader: asyncio.StreamReader, frames: list[Recorded], *, from_server: bool) -> None:
        self.reader = reader
        self.frames = frames
        self.from_server = from_server
        self.head = bytearray()
        self.stream: FrameStream | None = None

    async def read(self, size: int) -> bytes:
        """Read for the proxy, and note the frames that are whole now."""
        data = await self.reader.read(size)
        for opcode, payload in self._frames(data):
            if opcode in (TEXT, CLOSE):
                text = payload.decode("utf-8", errors="replace")
                self.frames.append(Recorded(from_server=self.from_server, text=text, is_close=opcode == CLOSE))
        return data

    def _frames(self, data: bytes) -> Iterator[tuple[int, bytes]]:
        """Leave out the HTTP head; a connection that stays HTTP has no frames."""
        if self.stream is None:
            self.head += data
            head, end, rest = bytes(self.head).partition(b"\r\n\r\n")
            if not end or b"upgrade: websocket" not in head.lower():
                return
            self.stream, data = FrameStream(), rest
        yield from self.stream.feed(data)


class FrameStream:
    """Bytes in, whole messages out: those of several frames are put together."""

    def __init__(self) -> None:
        self.buffer = bytearray()
        self.begun: tuple[int, bytes] | None = None

    def feed(self, data: bytes) -> Iterator[tuple[int, bytes]]:
        """Yield the opcode and the payload of each message that ends in these bytes."""
        self.buffer += data
        while (taken := take_frame(self.buffer)) is not None:
            is_final, opcode, payload = taken
            if opcode == CONTINUED and self.begun is not None:
                opcode, payload = self.begun[0], self.begun[1] + payload
            if is_final:
                self.begun = None if opcode < CLOSE else self.begun
                yield opcode, payload
            else:
                self.begun = opcode, payload


def take_frame(buffer: bytearray) -> tuple[bool, int, bytes] | None:
    """Take the first frame out of the buffer when it is there as a whole: final, opcode, payload without its mask."""
    if len(buffer) < 2:
        return None
    length, at = buffer[1] & 0x7F, 2
    if length > 125:
        width = 2 if length == 126 else 8
        length, at = int.from_bytes(buffer[at : at + width], "big"), at + width
    mask = bytes(buffer[at : at + MASK_BYTES]) if buffer[1] & 0x80 else b""
    at += len(mask)
    if len(buffer) < at + length:
        return None
    first, payload = buffer[0], bytes(buffer[at : at + length])
    del buffer[: at + length]
    return bool(first & 0x80), first & 0x0F, unmask(payload, mask) if mask else payload


def unmask(payload: bytes, mask: bytes) -> bytes:
    """Undo the mask of a client's frame."""
    key = (mask * (len(payload) // MASK_BYTES + 1))[: len(payload)]
    return (int.from_bytes(payload, "big") ^ int.from_bytes(key, "big")).to_bytes(len(payload), "big")
