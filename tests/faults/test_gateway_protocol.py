"""The WebSocket protocol: what a client may send is taken, and what it may not ends its own socket and no other."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Iterator

import pytest

from tests.clawsite.gateway.seat import Gateway, standing_gateway
from tests.faults.rawsocket import PONG, RawSocket, raw_socket
from tests.faults.wscases import CASES, KEPT, PING, TEXT, Case, frame

pytestmark = pytest.mark.faults
CUT = 1006
PIECE_SECONDS = 0.001


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with standing_gateway(tmp_path_factory.mktemp("protocol")) as running:
        yield running


async def outcome(gateway: Gateway, case: Case, *, step: int = 0) -> int:
    """Send what a case says, at once or a few bytes at a time; return KEPT, or the code that ended the socket."""
    async with raw_socket(gateway.port) as socket:
        await socket.connect(gateway.env_token)
        size = step or len(case.sent)
        for at in range(0, len(case.sent), size):
            if socket.writer.transport.is_closing():
                break
            socket.writer.write(case.sent[at : at + size])
            await socket.drain()
            await asyncio.sleep(PIECE_SECONDS if step else 0)
        return await is_kept(socket)


def wrong(found: dict[str, int]) -> dict[str, int]:
    """Return the cases that came out otherwise. Where an end is right, it may come before its reason has arrived."""
    allowed = {case.name: {*case.ends, *((CUT,) if case.ends != (KEPT,) else ())} for case in CASES}
    return {name: code for name, code in found.items() if code not in allowed[name]}


async def is_kept(socket: RawSocket) -> int:
    """Ask for a sign of life behind everything that was sent."""
    socket.writer.write(frame(PING, b"seen"))
    await socket.drain()
    await socket.read_until(b"seen", opcode=PONG)
    return KEPT if socket.code is None else socket.code


async def test_each_case_comes_out_as_the_protocol_says(gateway: Gateway) -> None:
    async with gateway.client() as bystander:
        found = {case.name: await outcome(gateway, case) for case in CASES}
        assert await bystander.call("ping")
    assert wrong(found) == {}
    assert "Traceback" not in gateway.log.read_text(), gateway.tail()


async def test_it_is_all_the_same_when_the_bytes_come_one_by_one(gateway: Gateway) -> None:
    small = [case for case in CASES if len(case.sent) < 200]
    found = await asyncio.gather(*(outcome(gateway, case, step=1) for case in small))
    assert wrong({case.name: code for case, code in zip(small, found, strict=True)}) == {}


async def test_a_mask_is_taken_off(gateway: Gateway) -> None:
    plain, mask = b'{"type":"req","id":"masked","method":"ping","params":{}}', b"\x37\xfa\x21\x3d"
    hidden = bytes(byte ^ mask[at % 4] for at, byte in enumerate(plain))
    async with raw_socket(gateway.port) as socket:
        await socket.connect(gateway.env_token)
        socket.writer.write(struct.pack("!BB", 0x80 | TEXT, 0x80 | len(plain)) + mask + hidden)
        answers = await socket.read_until(b'"id":"masked"')
    assert b'"ok":true' in answers[-1]
    assert socket.code is None
