"""Programs that connect, subscribe, ask now and then, and leave after a minute to come again.

They read all they are sent and parse none of it: fifty clients that do would need more of the machine than what they
watch.
"""

from __future__ import annotations

import asyncio
import json
import threading
import time
from itertools import count

from tests.faults.gate import TOKEN
from tests.faults.rawsocket import PING, PONG, TEXT, RawSocket, raw_streams
from tests.soak.figures import Samples

STAY_SECONDS = 60.0
ASK_SECONDS = 5.0
JOB_SECONDS = 10.0
AGAIN_SECONDS = 1.0


class Cut(Exception):
    """A connection ended, or something was refused on it, and why."""


class Program(RawSocket):
    """A client that answers pings, as every real one does."""

    def _take_frames(self) -> None:
        known = len(self._came)
        super()._take_frames()
        self.write(*((PONG, payload) for kind, payload in list(self._came)[known:] if kind == PING))

    async def call(self, name: str, method: str, **params: object) -> None:
        """Call a method and wait for its answer."""
        request = {"type": "req", "id": name, "method": method, "params": params}
        self.write((TEXT, json.dumps(request).encode()))
        answers = await self.read_until(b'"id":"%b"' % name.encode())
        if self.code is not None:
            raise Cut(f"closed with {self.code}")
        if b'"ok":true' not in answers[-1][:80]:
            raise Cut(f"{method} refused")

    async def listen(self, seconds: float) -> None:
        """Read for so long."""
        try:
            async with asyncio.timeout(seconds):
                while self.code is None:
                    await self.read_some()
        except TimeoutError:
            return
        raise Cut(f"closed with {self.code}")


class Programs:
    """So many programs on the event loop of one thread; another one starts jobs."""

    def __init__(self, port: int, samples: Samples, *, many: int, begin: float) -> None:
        self._port, self._samples = port, samples
        self._many, self._begin = many, begin
        self._over = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), name="programs", daemon=True)

    def start(self) -> None:
        """Let them come."""
        self._thread.start()

    def stop(self) -> None:
        """Let them go."""
        self._over.set()
        self._thread.join(STAY_SECONDS)

    async def _run(self) -> None:
        async with asyncio.TaskGroup() as group:
            for number in range(self._many):
                group.create_task(self._come_again(number))
            group.create_task(self._start_jobs())

    async def _come_again(self, number: int) -> None:
        await asyncio.sleep(number * STAY_SECONDS / self._many)
        while not self._over.is_set():
            try:
                async with raw_streams(self._port) as streams:
                    await self._stay(Program(*streams))
            except (OSError, EOFError, TimeoutError, Cut) as error:
                self._samples.cuts[str(error) if isinstance(error, Cut) else type(error).__name__] += 1
                await asyncio.sleep(AGAIN_SECONDS)

    async def _stay(self, program: Program) -> None:
        await program.connect(TOKEN)
        self._samples.connects += 1
        await program.call("watch", "sessions.subscribe")
        until = time.monotonic() + STAY_SECONDS
        for number in count():
            if time.monotonic() >= until or self._over.is_set():
                return
            begun = time.monotonic()
            await program.call(f"ping-{number}", "ping")
            self._samples.pings.append((begun - self._begin, time.monotonic() - begun))
            await program.listen(ASK_SECONDS)

    async def _start_jobs(self) -> None:
        for number in count():
            if self._over.is_set():
                return
            try:
                async with raw_streams(self._port) as streams:
                    program = Program(*streams)
                    await program.connect(TOKEN)
                    await program.call("job", "jobs.create", kind="selftest", idempotencyKey=f"soak-{number}")
                    self._samples.jobs += 1
            except (OSError, EOFError, TimeoutError, Cut) as error:
                self._samples.cuts[f"a job: {error!r}"] += 1
            await asyncio.sleep(JOB_SECONDS)
