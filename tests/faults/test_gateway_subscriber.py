"""Programs that follow a job get each event once and in order, whatever is cut, killed or emptied meanwhile."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Coroutine, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from clawsite.rpc import GatewayClient, JobEvent
from tests.faults.gate import Gate, running_gate
from tests.servers.proxy import TcpProxy
from tests.servers.services import RedisService

EVENTS = 5000
CUTS = 50
KILLS = 4
SEED = 20_260_801
Fault = Callable[[], Coroutine[Any, Any, None]]


async def follow(client: GatewayClient, job: str, faults: Mapping[int, Fault]) -> list[JobEvent]:
    """Read to the job's end; at some numbers of events a fault is begun, which goes on beside the reading."""
    seen: list[JobEvent] = []
    async with asyncio.TaskGroup() as begun:
        async for event in client.subscribe(job):
            seen.append(event)
            if event.seq in faults:
                begun.create_task(faults[event.seq]())
    return seen


def check_whole(seen: list[JobEvent]) -> None:
    """Check that every event of the job came once and in order."""
    assert seen[0].seq == 1
    assert all(later.seq == earlier.seq + 1 for earlier, later in pairwise(seen))
    assert [event.data["n"] for event in seen if event.kind == "line"] == list(range(1, EVENTS + 1))
    assert (seen[-1].kind, seen[-1].data["state"]) == ("end", "succeeded")


class Vandal:
    """What happens to the gateway, its connections and its Redis while the job writes."""

    def __init__(self, gate: Gate, proxy: TcpProxy, redis: RedisService) -> None:
        self.gate, self.proxy, self.redis = gate, proxy, redis
        self.dice = random.Random(SEED)
        self.cuts = 0
        self.killed: set[int] = set()

    async def cut(self) -> None:
        """Cut every connection through the proxy: at once, or into what the client does to come back."""
        await asyncio.sleep(self.dice.choice((0.0, self.dice.uniform(0.0, 0.2))))
        self.proxy.cut()
        self.cuts += 1

    async def kill_web(self) -> None:
        """Kill the gateway's process."""
        web = await asyncio.to_thread(lambda: self.gate.web)
        web.kill()
        self.killed.add(web.pid)

    async def empty_redis(self) -> None:
        """Kill Redis and start it a second later, with nothing in it."""
        await asyncio.to_thread(self.redis.kill)
        await asyncio.sleep(1.0)
        await asyncio.to_thread(self.redis.start)


@pytest.mark.faults
@pytest.mark.services
@pytest.mark.timeout(180)
async def test_subscribers_get_each_event_once_through_cuts_kills_and_an_emptied_redis(
    redis_service: RedisService, tmp_path: Path
) -> None:
    with (
        running_gate(tmp_path / "home", REDIS_URL=redis_service.url) as gate,
        TcpProxy(gate.port).running() as proxy,
    ):
        async with gate.client(port=proxy.port) as cut_off, gate.client() as near:
            answer = await near.request("jobs.create", {"kind": "selftest", "params": {"events": EVENTS, "pause": 0}})
            job = str(answer["job"]["id"])
            vandal = Vandal(gate, proxy, redis_service)
            cuts = vandal.dice.sample(range(2, EVENTS), CUTS)
            kills = [1000 + 900 * number for number in range(KILLS)]
            seen = await asyncio.gather(
                follow(cut_off, job, dict.fromkeys(cuts, vandal.cut)),
                follow(near, job, {500: vandal.empty_redis} | dict.fromkeys(kills, vandal.kill_web)),
            )
        for events in seen:
            check_whole(events)
        assert len(vandal.killed) == KILLS, gate.tail()
        assert vandal.cuts == CUTS
        assert proxy.accepted > CUTS / 2
