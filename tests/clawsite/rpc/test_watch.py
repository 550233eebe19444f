"""The events of a job: each once, in order, whatever happens on the way."""

from __future__ import annotations

import asyncio
import gc
from typing import Any

import pytest

from clawsite.rpc import ClientClosed, EventsLost, GatewayClient, JobEvent, RpcError
from clawsite.rpc.backoff import Backoff
from clawsite.rpc.watch import MOST_EVENTS
from tests.clawsite.rpc.meeting import meeting, target_of, until
from tests.servers.gateway import EmulatedJob, GatewayEmulator
from tests.servers.gateway.connection import Connection
from tests.servers.gateway.cutting import CuttingProxy


async def write(job: EmulatedJob, count: int, *, every: int = 10) -> None:
    """Emit events while others run, then end."""
    for number in range(count - 1):
        job.emit("line", {"n": number})
        if number % every == 0:
            await asyncio.sleep(0.001)
    job.end()


async def read(client: GatewayClient, job_id: str, after: int = 0) -> list[JobEvent]:
    """Return every event to the end."""
    return [event async for event in client.subscribe(job_id, after)]


def numbers(events: list[JobEvent]) -> list[int]:
    """Return their sequence numbers."""
    return [event.seq for event in events]


async def test_events_come_in_order_and_end_with_the_end() -> None:
    async with meeting() as (client, gateway):
        job = gateway.jobs.create()
        reading = asyncio.create_task(read(client, job.id))
        await write(job, 300)
        events = await reading

    assert numbers(events) == list(range(1, 301))
    assert events[-1].kind == "end"
    assert events[-1].data == {"state": "succeeded"}


async def test_events_can_be_read_from_any_number_on() -> None:
    async with meeting() as (client, gateway):
        job = gateway.jobs.create()
        await write(job, 50)

        assert numbers(await read(client, job.id, after=45)) == [46, 47, 48, 49, 50]
        assert await read(client, job.id, after=50) == []


@pytest.mark.parametrize("seed", [1, 2])
async def test_fifty_cuts_at_any_byte_cost_no_event_and_repeat_none(seed: int) -> None:
    async with GatewayEmulator() as gateway, CuttingProxy(gateway.port, cuts=50, most=20_000, seed=seed) as proxy:
        client = GatewayClient(target_of(proxy), backoff=Backoff(first=0.02))
        job = gateway.jobs.create()
        reading = asyncio.create_task(read(client, job.id))
        await write(job, 5_000)
        events = await asyncio.wait_for(reading, 60)
        cuts_left = proxy.cuts_left
        await client.close()

    assert numbers(events) == list(range(1, 5_001))
    assert cuts_left <= 0


async def test_a_restart_of_the_gateway_is_a_pause() -> None:
    async with meeting() as (client, gateway):
        job = gateway.jobs.create()
        job.emit("line")
        watch = client.subscribe(job.id)
        first = await anext(watch)
        await gateway.restart()
        job.end()
        rest = [event async for event in watch]

    assert [first.seq, *numbers(rest)] == [1, 2]


async def test_a_slow_reader_costs_a_bounded_buffer_and_nobody_elses_time() -> None:
    async with meeting() as (client, gateway):
        job = gateway.jobs.create()
        watch = client.subscribe(job.id)
        job.emit("line")
        await anext(watch)
        await write(job, 3 * MOST_EVENTS)
        await until(lambda: gateway.count("jobs.unsubscribe") == 1)

        assert await client.request("health") == {"ok": True}
        assert len(watch._buffer) == MOST_EVENTS
        assert numbers([event async for event in watch]) == list(range(2, 3 * MOST_EVENTS + 2))


async def test_big_events_are_bounded_by_their_bytes() -> None:
    async with meeting() as (client, gateway):
        job = gateway.jobs.create()
        watch = client.subscribe(job.id)
        job.emit("line")
        await anext(watch)
        for _ in range(12):
            job.emit("line", "x" * 1024 * 1024)
        job.end()
        await until(lambda: gateway.count("jobs.unsubscribe") == 1)

        assert len(watch._buffer) <= 4
        assert numbers([event async for event in watch]) == list(range(2, 15))


async def test_two_readers_of_one_job_do_not_disturb_each_other() -> None:
    async with meeting() as (client, gateway):
        job = gateway.jobs.create()
        first = asyncio.create_task(read(client, job.id))
        await until(lambda: gateway.count("jobs.subscribe"))
        for _ in range(20):
            job.emit("line")
        second = asyncio.create_task(read(client, job.id, after=10))
        third = asyncio.create_task(read(client, job.id))
        await write(job, 30)
        found = [numbers(events) for events in await asyncio.gather(first, second, third)]

    assert found == [list(range(1, 51)), list(range(11, 51)), list(range(1, 51))]


async def test_a_reader_further_on_takes_nothing_from_one_that_is_behind() -> None:
    """The gateway has one place in a job for each connection, and the last who subscribes says where."""
    async with meeting() as (client, gateway):
        job = gateway.jobs.create()
        for _ in range(5):
            job.emit("line")
        subscribe, asked = gateway.methods["jobs.subscribe"], asyncio.Event()

        async def first_nothing(connection: Connection, params: dict[str, Any], request_id: str) -> Any:
            if asked.is_set():
                return await subscribe(connection, params, request_id)
            asked.set()  # its events are still to be read when the next one subscribes
            return {"job": job.describe(), "lastSeq": 5}

        gateway.methods["jobs.subscribe"] = first_nothing
        behind = asyncio.create_task(anext(client.subscribe(job.id)))
        await asked.wait()
        ahead = asyncio.create_task(anext(client.subscribe(job.id, 5)))

        assert (await asyncio.wait_for(behind, 30)).seq == 1
        job.emit("line")
        assert (await ahead).seq == 6


async def test_a_reader_that_leaves_before_the_answer_is_not_sent_events_for_ever() -> None:
    async with meeting() as (client, gateway):
        job = gateway.jobs.create()
        job.emit("line")
        subscribe = gateway.methods["jobs.subscribe"]
        asked, go, done = asyncio.Event(), asyncio.Event(), asyncio.Event()

        async def late(connection: Connection, params: dict[str, Any], request_id: str) -> Any:
            asked.set()
            await go.wait()
            answer = await subscribe(connection, params, request_id)
            done.set()
            return answer

        gateway.methods["jobs.subscribe"] = late
        watch = client.subscribe(job.id)
        reading = asyncio.create_task(anext(watch))
        await asked.wait()
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)
        await watch.aclose()
        await until(lambda: gateway.count("jobs.unsubscribe"))
        go.set()
        await done.wait()

        await until(lambda: not any(connection.pumps for connection in gateway.connections))


async def test_events_that_are_gone_for_good_are_an_error() -> None:
    async with meeting() as (client, gateway):
        gateway.lost_events = {3, 4}
        job = gateway.jobs.create()
        await write(job, 8)
        watch = client.subscribe(job.id)
        seen = [await anext(watch), await anext(watch)]
        with pytest.raises(EventsLost) as caught:
            await anext(watch)

    assert numbers(seen) == [1, 2]
    assert (caught.value.expected, caught.value.received) == (3, 5)


async def test_a_gateway_that_was_set_back_is_an_error_and_no_endless_wait() -> None:
    async with meeting() as (client, gateway):
        job = gateway.jobs.create()
        for number in range(5):
            job.emit("line", {"n": number})
        watch = client.subscribe(job.id)
        assert [(await anext(watch)).seq for _ in range(5)] == [1, 2, 3, 4, 5]

        await gateway.stop()
        del job.events[2:]  # as after a restored backup
        await gateway.start()
        with pytest.raises(EventsLost, match="has no event 5: its gateway was set back") as caught:
            await anext(watch)

    assert (caught.value.expected, caught.value.received) == (6, 3)


async def test_an_unknown_job_is_the_error_of_the_gateway() -> None:
    async with meeting() as (client, _):
        with pytest.raises(RpcError, match="not found"):
            await read(client, "nobody")


async def test_a_busy_gateway_is_asked_again() -> None:
    async with meeting() as (client, gateway):
        busy = {"code": "UNAVAILABLE", "message": "busy", "retryable": True, "retryAfterMs": 10}
        gateway.fault("error", "jobs.subscribe", error=busy, times=2)
        job = gateway.jobs.create()
        await write(job, 3)

        assert numbers(await read(client, job.id)) == [1, 2, 3]


async def test_a_watch_that_nobody_holds_is_let_go() -> None:
    async with meeting() as (client, gateway):
        job = gateway.jobs.create()
        job.emit("line")
        async for _ in client.subscribe(job.id):
            break
        gc.collect()
        job.emit("line")
        await until(lambda: gateway.count("jobs.unsubscribe") == 1)


async def test_leaving_the_block_lets_the_job_go() -> None:
    async with meeting() as (client, gateway):
        job = gateway.jobs.create()
        job.emit("line")
        async with client.subscribe(job.id) as watch:
            await anext(watch)
        await until(lambda: gateway.count("jobs.unsubscribe") == 1)

        assert [event async for event in watch] == []
        assert watch.last_seq == 1


async def test_a_cancelled_reader_can_read_on() -> None:
    async with meeting() as (client, gateway):
        job = gateway.jobs.create()
        watch = client.subscribe(job.id)
        waiting = asyncio.create_task(anext(watch))
        await until(lambda: gateway.count("jobs.subscribe") == 1)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        await write(job, 3)

        assert numbers([event async for event in watch]) == [1, 2, 3]


async def test_closing_the_client_ends_the_wait() -> None:
    async with meeting() as (client, gateway):
        watch = client.subscribe(gateway.jobs.create().id)
        waiting = asyncio.create_task(anext(watch))
        await until(lambda: gateway.count("jobs.subscribe") == 1)
        await client.close()
        with pytest.raises(ClientClosed):
            await waiting
