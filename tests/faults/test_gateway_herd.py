"""The web process dies under many connections: all of them come back at once, and each is let in without a wait."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest

from clawsite.rpc.backoff import Backoff
from tests.faults.gate import TOKEN, Gate, running_gate
from tests.faults.rawsocket import raw_socket
from tests.faults.stack import wait_for
from tests.fixtures.reached import Figure, Reached

HERD, LARGE_HERD = 250, 1000
BACK_SECONDS = 40.0
MOST_P99 = 2.0
MOST_MORE_FILES = 10


class Herd:
    """So many clients, how often each got in, and how long getting in took."""

    def __init__(self, gate: Gate) -> None:
        self.gate = gate
        self.here: set[int] = set()
        self.over = asyncio.Event()
        self.seconds: list[float] = []

    async def stay(self, number: int) -> None:
        """Be connected until told to leave; come back as the product's client does when it is cut off."""
        backoff = Backoff()
        while not self.over.is_set():
            begun = time.monotonic()
            try:
                async with raw_socket(self.gate.port) as socket:
                    answers = await socket.connect(TOKEN)
                    if answers and b'"hello-ok"' in answers[-1]:
                        self.seconds.append(time.monotonic() - begun)
                        backoff.reset()
                        self.here.add(number)
                        await self._wait(socket.reader)
            except (OSError, EOFError, TimeoutError):
                pass
            self.here.discard(number)
            if not self.over.is_set():
                await asyncio.sleep(backoff.next())

    async def _wait(self, reader: asyncio.StreamReader) -> None:
        """Read until the end of the connection, or until told to leave."""
        leave = asyncio.ensure_future(self.over.wait())
        try:
            while not self.over.is_set():
                more = asyncio.ensure_future(reader.read(1 << 16))
                await asyncio.wait((more, leave), return_when=asyncio.FIRST_COMPLETED)
                if more.done() and not more.result():
                    return
                more.cancel()
        finally:
            leave.cancel()

    async def all_here(self, count: int) -> None:
        """Wait until everybody is connected."""
        async with asyncio.timeout(BACK_SECONDS):
            while len(self.here) < count:  # noqa: ASYNC110 - hundreds of them tell nobody
                await asyncio.sleep(0.05)


async def scatter(folder: Path, *, count: int) -> list[Figure]:
    """Let them come, kill what they are connected to, and see how they come back."""
    with running_gate(folder / "home") as gate:
        base = gate.web.num_fds()
        herd = Herd(gate)
        async with asyncio.TaskGroup() as group:
            for number in range(count):
                group.create_task(herd.stay(number))
            await herd.all_here(count)
            herd.seconds.clear()
            web = gate.web
            web.kill()
            await asyncio.to_thread(wait_for, lambda: not web.is_running(), timeout=10, what="web is dead")
            await asyncio.to_thread(
                wait_for, lambda: gate.get("/readyz") == 200, timeout=BACK_SECONDS, what="web again"
            )
            await herd.all_here(count)
            herd.over.set()
        assert len(herd.seconds) >= count
        p99 = sorted(herd.seconds)[int(len(herd.seconds) * 0.99)]
        assert p99 < MOST_P99
        wait_for(lambda: gate.web.num_fds() <= base + MOST_MORE_FILES, timeout=20, what="the descriptors are back")
        more = gate.web.num_fds() - base
        return [Figure("99 % in within", p99, "s", MOST_P99), Figure("more descriptors", more, most=MOST_MORE_FILES)]


@pytest.mark.faults
@pytest.mark.alone
async def test_all_who_were_cut_off_come_back_at_once(tmp_path: Path, reached: Reached) -> None:
    reached(11, f"{HERD} come back at once", *await scatter(tmp_path, count=HERD))


@pytest.mark.soak
async def test_a_thousand_who_were_cut_off_come_back_at_once(tmp_path: Path, reached: Reached) -> None:
    reached(11, f"{LARGE_HERD} come back at once", *await scatter(tmp_path, count=LARGE_HERD))
