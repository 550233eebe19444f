"""Clients that do not read: they cost little, nobody else notices, and they are closed when they take nothing."""

from __future__ import annotations

import json
import socket
import struct
import time
from base64 import b64encode
from collections.abc import Callable, Iterator

import psutil
import pytest

from tests.clawsite.gateway.seat import Gateway, connect_params, standing_gateway
from tests.clawsite.running import until
from tests.fixtures.reached import Figure, Reached

pytestmark = pytest.mark.faults
MIB = 1024 * 1024
CLOSED_SECONDS = 60.0


@pytest.fixture(scope="module")
def patient(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """A web role for these tests."""
    with standing_gateway(tmp_path_factory.mktemp("patient")) as running:
        yield running


@pytest.fixture
def dial(patient: Gateway) -> Iterator[Callable[[str | None], RawClient]]:
    """Open raw clients that are closed at the end."""
    opened: list[RawClient] = []

    def call(token: str | None) -> RawClient:
        opened.append(RawClient(patient, token=token))
        return opened[-1]

    yield call
    for client in opened:
        client.socket.close()


class RawClient:
    """A WebSocket client on a bare socket, which reads only when told to."""

    def __init__(self, gateway: Gateway, *, token: str | None) -> None:
        self.socket = socket.socket()
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16 * 1024)
        self.socket.connect(("127.0.0.1", gateway.port))
        self.socket.settimeout(60)
        key = b64encode(b"0" * 16).decode()
        self.socket.sendall(
            f"GET / HTTP/1.1\r\nHost: 127.0.0.1:{gateway.port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
        )
        self.read_until(b"connect.challenge")
        if token is not None:
            self.say("connect", "connect", connect_params(token))
            self.read_until(b'"hello-ok"')

    def say(self, request_id: str, method: str, params: object = None) -> None:
        """Send a request."""
        self.socket.sendall(masked(request(request_id, method, params)))

    def read_until(self, wanted: bytes) -> bytes:
        """Read until some bytes have come."""
        data = b""
        while wanted not in data[-65536 * 2 :]:
            got = self.socket.recv(65536)
            assert got, data[-200:]
            data += got
        return data

    def is_closed(self) -> bool:
        """Tell whether the server has ended the connection; reads and throws away."""
        self.socket.setblocking(False)
        try:
            while self.socket.recv(MIB):
                pass
        except BlockingIOError:
            return False
        except OSError:
            return True
        return True


Dial = Callable[[str | None], RawClient]


def request(request_id: str, method: str, params: object = None) -> bytes:
    return json.dumps({"type": "req", "id": request_id, "method": method, "params": params or {}}).encode()


def masked(payload: bytes) -> bytes:
    """Return a text frame, masked with zeros."""
    size = len(payload)
    head = struct.pack("!BB", 0x81, 0x80 | size) if size < 126 else struct.pack("!BBH", 0x81, 0xFE, size)
    return head + bytes(4) + payload


def memory(gateway: Gateway) -> int:
    """Return the bytes of the web role."""
    return int(psutil.Process(gateway.process.pid).memory_info().rss)


def flood(client: RawClient, *, seconds: float) -> int:
    """Send requests as fast as they are taken, reading nothing; return the bytes that were taken."""
    frames = masked(request("x", "tokens.list")) * 200
    client.socket.setblocking(False)
    sent, deadline = 0, time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            sent += client.socket.send(frames)
        except BlockingIOError:
            time.sleep(0.01)
        except OSError:
            break
    client.socket.setblocking(True)
    return sent


async def test_who_asks_and_never_reads_costs_little_and_holds_up_nobody(patient: Gateway, dial: Dial) -> None:
    async with patient.client() as alice:
        for number in range(30):
            await alice.call("tokens.create", name=f"t{number}", scopes=["read"])
        assert await alice.call("ping")
        before = memory(patient)
        silent = [dial(patient.env_token) for _ in range(4)]
        for client in silent:
            flood(client, seconds=1.0)
        times = []
        for _ in range(20):
            begin = time.monotonic()
            assert await alice.call("ping")
            times.append(time.monotonic() - begin)
        assert memory(patient) - before < 20 * MIB * len(silent)
        assert sorted(times)[10] < 0.5


async def test_who_never_reads_is_closed_within_a_minute(patient: Gateway, dial: Dial, reached: Reached) -> None:
    """It says nothing, takes nothing, and answers no ping."""
    client = dial(patient.env_token)
    begun = time.monotonic()
    flood(client, seconds=0.5)
    family = psutil.Process(patient.process.pid)
    port = client.socket.getsockname()[1]

    def is_gone() -> bool:
        return port not in {number for each in family.net_connections("tcp") for number in each.raddr[1:2]}

    assert not is_gone()
    until(is_gone, seconds=CLOSED_SECONDS, what="the silent client is closed")
    reached(9, "one that takes nothing", Figure("closed after", time.monotonic() - begun, "s", CLOSED_SECONDS))


async def test_a_flood_of_bytes_does_not_grow_memory(patient: Gateway, dial: Dial) -> None:
    """300 MB of requests that are never read: the socket is not read either."""
    client = dial(patient.env_token)
    before = memory(patient)
    sent = flood(client, seconds=3.0)
    assert memory(patient) - before < 20 * MIB
    assert sent < 300 * MIB


async def test_half_open_handshakes_and_silent_sockets_lock_nobody_out(patient: Gateway, dial: Dial) -> None:
    silent = [dial(None) for _ in range(500)]
    times = []
    for _ in range(20):
        begin = time.monotonic()
        async with patient.client() as alice:
            assert await alice.call("ping")
        times.append(time.monotonic() - begin)
    assert sorted(times)[10] < 0.5
    until(lambda: all(client.is_closed() for client in silent), seconds=25, what="silent sockets are closed")
