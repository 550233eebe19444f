"""Clients of a gateway that cost next to nothing, so that what is measured is the server: plain sockets, one thread.

They check no more than a response's id and `ok`. A refused request is sent again at once, as by an impatient program.
"""

from __future__ import annotations

import base64
import json
import os
import selectors
import socket
import struct
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

BLOCK = 1 << 20
PATIENCE = 30.0
SCOPES = ["operator.admin", "operator.read", "operator.write", "operator.approvals", "operator.pairing"]
PING, CLOSE = 9, 8


class Caller:
    """One connection. `path` is only for the floor, which reads from it how long its answers are."""

    def __init__(self, port: int, token: str, *, path: str = "/") -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = bytearray()
        self.waiting: list[bytes] = []
        self.last_size = 0
        self._upgrade(port, path)
        self.hello = self._connect(token)

    def _upgrade(self, port: int, path: str) -> None:
        key = base64.b64encode(os.urandom(16)).decode()
        head = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        self.socket.sendall(f"{head}Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode())
        while b"\r\n\r\n" not in self.buffer:
            self.receive()
        answer, _, rest = bytes(self.buffer).partition(b"\r\n\r\n")
        if b" 101 " not in answer.split(b"\r\n")[0]:
            raise ConnectionError(answer[:200])
        self.buffer = bytearray(rest)

    def _connect(self, token: str) -> Any:
        challenge = json.loads(self.next())
        assert challenge["event"] == "connect.challenge", challenge
        client = {"id": "gateway-client", "version": "1", "platform": "linux", "mode": "backend"}
        rights = {"role": "operator", "scopes": SCOPES, "auth": {"token": token}}
        return self.call("connect", {"minProtocol": 4, "maxProtocol": 4, "client": client, **rights})

    def call(self, method: str, params: dict[str, Any] | None = None) -> Any:
        """Call a method and return its payload; events that come between are dropped."""
        name = f"c{time.monotonic_ns()}"
        self.socket.sendall(request(name, method, params or {}))
        while True:
            payload = self.next()
            frame = json.loads(payload)
            self.last_size = len(payload)
            if frame["type"] == "res" and frame["id"] == name:
                if not frame["ok"]:
                    raise ConnectionError(frame["error"])
                return frame["payload"]

    def next(self) -> bytes:
        """Wait for one frame."""
        while not self.waiting:
            self.waiting = list(self.frames())
            if not self.waiting:
                self.receive()
        return self.waiting.pop(0)

    def frames(self) -> Iterator[bytes]:
        """Yield the payloads of the frames that are here as a whole, and answer pings."""
        for opcode, payload in parse(self.buffer):
            if opcode == PING:
                self.socket.sendall(mask(payload, opcode=10))
            elif opcode == CLOSE:
                raise ConnectionError(f"closed: {payload!r}")
            else:
                yield payload

    def receive(self) -> None:
        """Wait for bytes."""
        data = self.socket.recv(BLOCK)
        if not data:
            raise ConnectionError("the server hung up")
        self.buffer += data

    def is_open(self) -> bool:
        """Tell whether the server has not hung up."""
        try:
            return self.socket.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT) != b""
        except BlockingIOError:
            return True
        except ConnectionError:
            return False

    def close(self) -> None:
        """Hang up."""
        self.socket.close()


def request(name: str, method: str, params: dict[str, Any]) -> bytes:
    """Return a request as a masked frame."""
    frame = {"type": "req", "id": name, "method": method, "params": params}
    return mask(json.dumps(frame, separators=(",", ":")).encode())


def mask(payload: bytes, *, opcode: int = 1) -> bytes:
    """Return a client's frame; the mask is random, as the server has to undo it."""
    length = len(payload)
    short = length if length < 126 else 126 if length < 1 << 16 else 127
    more = b"" if short < 126 else struct.pack("!H" if short == 126 else "!Q", length)
    key = os.urandom(4)
    pad = (key * (length // 4 + 1))[:length]
    hidden = (int.from_bytes(payload, "little") ^ int.from_bytes(pad, "little")).to_bytes(length, "little")
    return bytes([0x80 | opcode, 0x80 | short]) + more + key + hidden


def parse(buffer: bytearray) -> list[tuple[int, bytes]]:
    """Take the server's whole frames out of the buffer: opcode and payload of each."""
    found, at, end = [], 0, len(buffer)
    while end - at >= 2:
        length, begin = buffer[at + 1] & 0x7F, at + 2
        if length > 125:
            width = 2 if length == 126 else 8
            length, begin = int.from_bytes(buffer[begin : begin + width], "big"), begin + width
        if end - begin < length:
            break
        found.append((buffer[at] & 0x0F, bytes(buffer[begin : begin + length])))
        at = begin + length
    del buffer[:at]
    return found


@dataclass(kw_only=True)
class Load:
    """What a run of many calls came to. Rates count good answers only."""

    seconds: float = 0.0
    latencies: list[float] = field(default_factory=list)
    refused: Counter[str] = field(default_factory=Counter)

    @property
    def per_second(self) -> float:
        return len(self.latencies) / self.seconds

    def percentile_ms(self, share: float) -> float:
        """The latency that so large a share of the good answers stayed below."""
        ordered = sorted(self.latencies) or [float("inf")]
        return ordered[max(0, round(len(ordered) * share) - 1)] * 1000


def drive(callers: Sequence[Caller], method: str, params: dict[str, Any], *, in_flight: int, seconds: float) -> Load:
    """Keep so many requests of each caller in flight for so long, then wait for the last answers."""
    run = _Run(method, params)
    with selectors.DefaultSelector() as selector:
        for caller in callers:
            selector.register(caller.socket, selectors.EVENT_READ, caller)
            run.ask(caller, in_flight)
        end = run.begin + seconds
        while run.pending and time.perf_counter() < end + PATIENCE:
            for key, _ in selector.select(1.0):
                answered = run.hear(key.data)
                if time.perf_counter() < end:
                    run.ask(key.data, answered)
    if run.pending:
        raise TimeoutError(f"{len(run.pending)} requests of {method} were not answered")
    run.load.seconds = run.last - run.begin
    return run.load


class _Run:
    """The state of `drive`: what is in flight since when."""

    def __init__(self, method: str, params: dict[str, Any]) -> None:
        self.method, self.params = method, params
        self.pending: dict[bytes, float] = {}
        self.load = Load()
        self.count = 0
        self.begin = self.last = time.perf_counter()

    def ask(self, caller: Caller, count: int) -> None:
        frames = []
        for _ in range(count):
            self.count += 1
            name = f"q{self.count:08d}"
            frames.append(request(name, self.method, self.params))
            self.pending[name.encode()] = time.perf_counter()
        if frames:
            caller.socket.sendall(b"".join(frames))

    def hear(self, caller: Caller) -> int:
        """Read what is there and return how many requests were answered."""
        caller.receive()
        now, answered = time.perf_counter(), 0
        for payload in caller.frames():
            name, is_good = read_response(payload)
            if name is None or (since := self.pending.pop(name, None)) is None:
                continue
            answered += 1
            self.last = now
            if is_good:
                self.load.latencies.append(now - since)
            else:
                error = json.loads(payload)["error"]
                self.load.refused[f"{error['code']}: {error['message'][:60]}"] += 1
        return answered


def read_response(payload: bytes) -> tuple[bytes | None, bool]:
    """Return the id and whether it is ok, without decoding the whole; (None, False) for an event."""
    head = payload[:120]
    if b'"type":"event"' in head:
        return None, False
    at, ok = head.find(b'"id":"q'), head.find(b'"ok":')
    if at >= 0 and ok >= 0:
        return head[at + 6 : at + 15], head.startswith(b"true", ok + 5)
    frame = json.loads(payload)
    return (frame["id"].encode(), frame["ok"]) if frame["type"] == "res" else (None, False)
