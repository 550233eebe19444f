"""100,000 spoilt frames: each is refused or answered, and nobody else, no log and no memory knows of them."""

from __future__ import annotations

import asyncio
import re
import secrets
from collections import Counter
from pathlib import Path

import pytest

from clawsite.rpc.frames import MAX_FRAME_BYTES
from tests.faults.bystander import Bystander
from tests.faults.gate import TOKEN, Gate, running_gate
from tests.faults.mutations import BINARY, TEXT, Mutator
from tests.faults.rawsocket import RawSocket, raw_socket
from tests.faults.stack import wait_for
from tests.fixtures.reached import Figure, Reached

SEED = 20_260_802
SOCKETS, FRAMES, BATCH = 8, 96_000, 60
WARM_FRAMES = 4800
STRANGERS, FIRST_FRAMES = 1000, 4
MOST_P99 = 0.5
MOST_GROWTH = 20 * 1024 * 1024
LEAK = re.compile(rb"Traceback|site-packages|\.py\b")


class Fuzz:
    """What came back."""

    def __init__(self, gate: Gate) -> None:
        self.gate = gate
        self.sent = 0
        self.closed: Counter[int] = Counter()
        self.errors: Counter[bytes] = Counter()
        self.leaked: list[bytes] = []

    def look(self, payloads: list[bytes]) -> None:
        """Look for what must not be seen, and count what is refused."""
        for payload in payloads:
            refused = b'"ok":false' in payload[:80]
            if refused:
                self.errors[re.sub(rb'.*"code":"(\w+)".*', rb"\1", payload, flags=re.DOTALL)[:40]] += 1
            if (refused and str(self.gate.home).encode() in payload) or LEAK.search(payload):
                self.leaked.append(payload[:500])

    async def spoil(self, seed: int, frames: int) -> None:
        """Send spoilt frames as somebody who is known; a socket that ends is opened again."""
        mutator = Mutator(seed)
        while frames > 0:
            async with raw_socket(self.gate.port) as socket:
                self.look(await socket.connect(TOKEN))
                while frames > 0 and socket.code is None:
                    socket.write(*(mutator.frame() for _ in range(BATCH)))
                    frames -= BATCH
                    self.sent += BATCH
                    await self._await_answer(socket, b"after-%d" % frames)
                self._note_end(socket)

    async def _await_answer(self, socket: RawSocket, name: bytes) -> None:
        """Wait for the answer of a right request behind the spoilt ones."""
        socket.write((TEXT, b'{"type":"req","id":"%b","method":"ping","params":{}}' % name))
        await socket.drain()
        self.look(await socket.read_until(b'"id":"%b"' % name))

    async def intrude(self, seed: int, times: int) -> None:
        """Send spoilt frames as somebody who never says rightly who they are."""
        mutator = Mutator(seed)
        for number in range(times):
            async with raw_socket(self.gate.port) as socket:
                first = mutator.hello("wrong") if number % 2 else mutator.frame()
                socket.write(first, *(mutator.frame() for _ in range(FIRST_FRAMES - 1)))
                self.sent += FIRST_FRAMES
                self.look(await socket.ping())

    async def overfill(self) -> None:
        """Send the largest frame there may be, and one that is a byte larger."""
        for opcode, size in ((TEXT, MAX_FRAME_BYTES), (BINARY, MAX_FRAME_BYTES), (TEXT, MAX_FRAME_BYTES + 1)):
            async with raw_socket(self.gate.port) as socket:
                await socket.connect(TOKEN)
                start = b'{"type":"req","id":"large","method":"ping","params":{"x":"'
                socket.write((opcode, start + b"x" * (size - len(start) - 3) + b'"}}'))
                await socket.drain()
                self.sent += 1
                self.look(await socket.read_until(b'"id":"large"'))
                assert socket.code == (None if size == MAX_FRAME_BYTES else 1009), (size, socket.code)

    def _note_end(self, socket: RawSocket) -> None:
        if socket.code is not None:
            self.closed[socket.code] += 1


@pytest.mark.faults
@pytest.mark.alone
@pytest.mark.timeout(180)
async def test_spoilt_frames_hurt_nobody(tmp_path: Path, reached: Reached) -> None:
    reached(13, "spoilt frames", *await spoil_much(tmp_path, seed=SEED, frames=FRAMES))


@pytest.mark.soak
@pytest.mark.timeout(1200)
async def test_a_million_spoilt_frames_hurt_nobody(tmp_path: Path, reached: Reached) -> None:
    """Other ones each time; the seed is told where it fails."""
    seed = secrets.randbelow(2**32)
    print(f"seed {seed}")
    reached(13, "spoilt frames", *await spoil_much(tmp_path, seed=seed, frames=10 * FRAMES))


async def spoil_much(folder: Path, *, seed: int, frames: int) -> list[Figure]:
    """Send so many spoilt frames over several sockets at once, and others that never get in; then look around."""
    with running_gate(folder / "home") as gate:
        fuzz = Fuzz(gate)
        await asyncio.gather(*(fuzz.spoil(seed + 100 + number, WARM_FRAMES // SOCKETS) for number in range(SOCKETS)))
        before = gate.memory()
        with Bystander(gate) as bystander, Bystander(gate, "jobs.list", limit=1) as reader:
            async with asyncio.TaskGroup() as group:
                for number in range(SOCKETS):
                    group.create_task(fuzz.spoil(seed + number, frames // SOCKETS))
                group.create_task(fuzz.intrude(seed - 1, STRANGERS))
                group.create_task(fuzz.overfill())
        assert fuzz.sent >= frames + STRANGERS * FIRST_FRAMES
        assert fuzz.errors[b"INVALID_REQUEST"] > fuzz.sent / 2
        log = gate.log.read_text(encoding="utf-8", errors="replace")
        assert not re.search(r"Traceback|unexpected error|Unhandled|never retrieved", log), gate.tail()
        assert not fuzz.leaked
        assert not fuzz.closed
        assert bystander.p99() < MOST_P99
        assert reader.p99() < 2 * MOST_P99
        # What became free bit by bit is given back twice a minute.
        wait_for(lambda: gate.memory() - before < MOST_GROWTH, timeout=60, what="memory is given back")
        return [
            Figure("frames", fuzz.sent),
            Figure("exceptions", 0),
            Figure("sockets closed", fuzz.closed.total()),
            Figure("99 % of a bystander's answers within", bystander.p99(), "s", MOST_P99),
        ]
