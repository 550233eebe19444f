"""Programs that follow a job get each event once and in order, whatever is cut, killed or emptied meanwhile."""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections.abc import Callable, Coroutine, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from clawsite.rpc import GatewayClient, JobEvent
from tests.clawsite.gateway.seat import Client
from tests.engine import is_scaled
from tests.faults.gate import Gate, running_gate
from tests.faults.stack import second_machine, wait_for
from tests.fixtures.reached import Figure, Reached
from tests.servers.proxy import TcpProxy
from tests.servers.services import RedisService

EVENTS = 5000
CUTS = 50
# A few more, should some of them come when the job is over.
PLANNED = 55
# The job must last, or the cuts that wait for one another come when it is over.
PAUSE = 0.01 if is_scaled() else 0.002
KILLS = 4
SEED = 20_260_801
SOCKETS, IDLE_SECONDS, AWAY_SECONDS, HEARD_SECONDS = 10, 60.0, 10.0, 10.0
Fault = Callable[[], Coroutine[Any, Any, None]]


async def follow(
    client: GatewayClient, job: str, faults: Mapping[int, Fault], *, at_end: Callable[[], None] = lambda: None
) -> list[JobEvent]:
    """Read to the job's end; at some numbers of events a fault is begun, which goes on beside the reading.

    at_end: called when the end is read, which is before the last faults are over.
    """
    seen: list[JobEvent] = []
    async with asyncio.TaskGroup() as begun:
        async for event in client.subscribe(job):
            seen.append(event)
            if event.seq in faults:
                begun.create_task(faults[event.seq]())
        at_end()
    return seen


def check_whole(seen: list[JobEvent]) -> None:
    """Check that every event of the job came once and in order."""
    assert seen[0].seq == 1
    assert all(later.seq == earlier.seq + 1 for earlier, later in pairwise(seen))
    assert [event.data["n"] for event in seen if event.kind == "line"] == list(range(1, EVENTS + 1))
    assert (seen[-1].kind, seen[-1].data["state"]) == ("end", "succeeded")


class Vandal:
    """What happens to the gateway, its connections and its Redis while the job writes."""

    def __init__(self, gates: Sequence[Gate], proxy: TcpProxy, redis: RedisService) -> None:
        self.gates, self.proxy, self.redis = gates, proxy, redis
        self.dice = random.Random(SEED)
        self.is_over = False
        self.cuts = self.cuts_while_writing = 0
        self.killed: set[int] = set()
        self._last_cut = 0
        self._one_at_a_time = asyncio.Lock()

    async def cut(self) -> None:
        """Cut a connection through the proxy that no earlier cut has hit: at once, or into its handshake or its use."""
        async with self._one_at_a_time:
            await asyncio.to_thread(wait_for, self._has_come_back, timeout=30, what="the subscriber is back")
            await asyncio.sleep(self.dice.choice((0.0, self.dice.uniform(0.0, 0.1))))
            self._last_cut = self.proxy.accepted
            self.proxy.cut()
            self.cuts += 1
            self.cuts_while_writing += not self.is_over

    def _has_come_back(self) -> bool:
        return self.proxy.accepted > self._last_cut and self.proxy.connections > 0

    def note_end(self) -> None:
        """Note that the job is over, as somebody who is up to date has read."""
        self.is_over = True

    async def kill_web(self) -> None:
        """Kill the gateway's process, of two machines one after the other."""
        gate = self.gates[len(self.killed) % len(self.gates)]
        web = await asyncio.to_thread(lambda: gate.web)
        web.kill()
        self.killed.add(web.pid)

    async def empty_redis(self) -> None:
        """Kill Redis and start it a second later, with nothing in it."""
        await asyncio.to_thread(self.redis.kill)
        await asyncio.sleep(1.0)
        self.redis.start()  # not in a thread: a service ends with the thread that started it


@pytest.mark.faults
@pytest.mark.services
@pytest.mark.timeout(180)
async def test_subscribers_get_each_event_once_through_cuts_kills_and_an_emptied_redis(
    redis_service: RedisService, tmp_path: Path
) -> None:
    with (
        running_gate(tmp_path / "home", REDIS_URL=redis_service.url) as gate,
        second_machine(gate) as second,
        TcpProxy(gate.port).running() as proxy,
    ):
        # Whoever has two machines starts the job at one and follows it at the other, too.
        *_, far = gate, *second
        async with gate.client(port=proxy.port) as cut_off, far.client() as near:
            answer = await near.request(
                "jobs.create", {"kind": "selftest", "params": {"events": EVENTS, "pause": PAUSE}}
            )
            job = str(answer["job"]["id"])
            vandal = Vandal([gate, *second], proxy, redis_service)
            others = {1000 + 900 * number: vandal.kill_web for number in range(KILLS)} | {500: vandal.empty_redis}
            free = [number for number in range(2, EVENTS // 2) if number not in others]
            faults = dict.fromkeys(vandal.dice.sample(free, PLANNED), vandal.cut) | others
            seen = await asyncio.gather(follow(cut_off, job, {}), follow(near, job, faults, at_end=vandal.note_end))
        for events in seen:
            check_whole(events)
        assert len(vandal.killed) == KILLS, gate.tail()
        assert vandal.cuts_while_writing >= CUTS
        assert vandal.cuts == PLANNED
        assert proxy.accepted > PLANNED


async def hear(callers: list[Client]) -> float:
    """Run a job that all of them follow; return after how long the last one has heard of its end."""
    job = (await callers[0].call("jobs.create", kind="selftest", params={"events": 3, "pause": 0}))["job"]["id"]
    for caller in callers:
        await caller.call("jobs.subscribe", id=job)
    begun = time.monotonic()
    await callers[0].call("jobs.start", id=job)
    for caller in callers:
        await caller.event("job", timeout=HEARD_SECONDS, kind="end")
    return time.monotonic() - begun


async def idle(callers: list[Client], seconds: float) -> None:
    """Ask nothing for so long, and read what comes, if anything does."""

    async def read_on(caller: Client) -> None:
        while True:
            await caller.read(timeout=2 * seconds)

    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds), asyncio.TaskGroup() as group:
            for caller in callers:
                group.create_task(read_on(caller))


@pytest.mark.soak
@pytest.mark.faults
@pytest.mark.services
@pytest.mark.timeout(400)
async def test_sockets_outlast_idleness_and_redis_and_hear_everything(
    redis_service: RedisService, tmp_path: Path, reached: Reached
) -> None:
    with running_gate(tmp_path / "home", REDIS_URL=redis_service.url) as gate:
        pids = {process.pid for process in gate.family()}
        async with contextlib.AsyncExitStack() as stack:
            callers = [await stack.enter_async_context(gate.caller()) for _ in range(SOCKETS)]
            await idle(callers, IDLE_SECONDS)
            heard = [await hear(callers)]
            redis_service.kill()
            heard.append(await hear(callers))
            await idle(callers, AWAY_SECONDS)
            redis_service.start()
            heard.append(await hear(callers))
        assert pids <= {process.pid for process in gate.family()}, gate.tail()
    reached(
        4,
        f"{SOCKETS} sockets idle for {IDLE_SECONDS:.0f} s, Redis away for {AWAY_SECONDS:.0f} s and back empty",
        Figure("sockets lost", 0),
        Figure("processes ended", 0),
        Figure("an event heard by all after", max(heard), "s", HEARD_SECONDS),
    )
