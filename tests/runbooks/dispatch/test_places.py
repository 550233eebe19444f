"""Where jobs go: by what they need and how busy gateways are, to the next one on failure, or they wait."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from clawsite.core.db import run_db
from clawsite.rpc.errors import TIMEOUT
from runbooks import jobs
from runbooks.dispatch import places
from runbooks.models import GatewayTarget, Job
from tests.ports import free_port
from tests.runbooks.dispatch.stage import FarGateway, add_target, dispatching, kinds, reload, send, until, wait_state
from tests.runbooks.people import BOB
from tests.servers.gateway.connection import Connection

pytestmark = pytest.mark.django_db(transaction=True)
FULL = {"code": "UNAVAILABLE", "message": "There are 1000 jobs of yours that have not ended.", "retryable": True}
LATE = {"code": "UNAVAILABLE", "message": "not in time", "details": {"code": TIMEOUT}, "retryable": True}
REFUSED = {"code": "INVALID_REQUEST", "message": "there is no such kind"}


@pytest.fixture
async def other() -> AsyncIterator[FarGateway]:
    """A second gateway."""
    async with FarGateway() as gateway:
        yield gateway


async def change(name: str = "far", **fields: object) -> None:
    await run_db(lambda: GatewayTarget.objects.filter(name=name).update(**fields))


async def test_a_gateway_gets_no_more_jobs_than_it_has_room_for(far: FarGateway) -> None:
    await add_target(far, capacity=2)
    made = [await send() for _ in range(3)]
    async with dispatching():
        for job in made[:2]:
            await wait_state(job, "running")
        assert (await reload(made[2])).state == "queued"
        assert len(far.all_jobs) == 2
        far.all_jobs[0].end()
        await wait_state(made[2], "running")


async def test_a_gateway_that_takes_no_more_for_now_is_not_away(far: FarGateway) -> None:
    await add_target(far, capacity=10)
    async with dispatching():
        running = await send()
        await wait_state(running, "running")
        far.fault("error", "jobs.create", error=FULL, times=None)
        for _ in range(6):
            await send()
        await until(lambda: [name for name, _ in far.requests].count("jobs.create") > 6, what="all were refused")
        await run_db(lambda: jobs.cancel_job(running.key, actor=BOB))
        await wait_state(running, "cancelled", seconds=20)
        assert (await run_db(GatewayTarget.objects.get)).reach == "up"


async def test_selected_jobs_spread_by_load(far: FarGateway, other: FarGateway) -> None:
    await add_target(far, capacity=3)
    await add_target(other, "other", capacity=1)
    made = [await send(select={}) for _ in range(4)]
    assert [job.target for job in made] == ["far", "other", "far", "far"]
    async with dispatching():
        for job in made:
            await wait_state(job, "running")
    assert (len(far.all_jobs), len(other.all_jobs)) == (3, 1)


async def test_a_job_that_cannot_be_created_goes_to_the_next(far: FarGateway, other: FarGateway) -> None:
    await add_target(far, "a")
    await add_target(other, "b")
    far.fault("error", "jobs.create", error=REFUSED, times=None)
    async with dispatching():
        job = await send(select={})
        assert job.target == "a"
        moved = await wait_state(job, "running")
    assert moved.target == "b"
    assert "moved" in await kinds(job)
    assert far.all_jobs == []


async def test_a_job_goes_from_a_gateway_that_is_away(far: FarGateway, other: FarGateway) -> None:
    await add_target(far, "a", ws_url=f"ws://127.0.0.1:{free_port()}")
    await add_target(other, "b")
    async with dispatching():
        job = await send(select={})
        assert job.target == "a"
        assert (await wait_state(job, "running")).target == "b"
    later = await send(select={})
    assert later.target == "b"  # because it is known by now


async def test_a_job_that_may_have_been_accepted_never_moves(far: FarGateway, other: FarGateway) -> None:
    await add_target(far, "a")
    await add_target(other, "b")
    far.fault("cut_after", "jobs.create")
    async with dispatching():
        job = await send(select={})
        assert (await wait_state(job, "running")).target == "a"
    assert (len(far.all_jobs), other.all_jobs) == (1, [])


async def test_a_job_that_is_created_after_the_gateways_time_never_moves(far: FarGateway, other: FarGateway) -> None:
    """A method that takes too long is answered for, and the work in its thread goes on all the same."""
    create = far.methods["jobs.create"]

    async def too_late(connection: Connection, params: dict[str, Any], request_id: str) -> Any:
        if not far.all_jobs:
            await connection.refuse(request_id, LATE)
        return await create(connection, params, request_id)

    far.methods["jobs.create"] = too_late
    await add_target(far, "a")
    await add_target(other, "b")
    async with dispatching():
        job = await send(select={})
        assert (await wait_state(job, "running")).target == "a"
    assert (len(far.all_jobs), other.all_jobs) == (1, [])


async def test_a_job_that_everybody_refuses_fails(far: FarGateway, other: FarGateway) -> None:
    await add_target(far, "a")
    await add_target(other, "b")
    for gateway in (far, other):
        gateway.fault("error", "jobs.create", error=REFUSED, times=None)
    async with dispatching():
        done = await wait_state(await send(select={}), "failed")
    assert done.error == "b did not take it: jobs.create: there is no such kind [INVALID_REQUEST]"


async def test_a_job_moves_from_a_full_gateway_to_one_with_room(far: FarGateway, other: FarGateway) -> None:
    await add_target(far, "a", capacity=1)
    made = [await send(select={}) for _ in range(2)]
    async with dispatching():
        await wait_state(made[0], "running")
        await add_target(other, "b")
        assert (await wait_state(made[1], "running")).target == "b"


async def test_jobs_that_only_an_absent_gateway_can_do_hold_up_no_others(
    far: FarGateway, other: FarGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(places, "BATCH", 2)
    await add_target(far, "a", ws_url=f"ws://127.0.0.1:{free_port()}", labels=["gpu"], capacity=10)
    await add_target(other, "b")
    job = await send(select={"policy": "order"})
    special = [await send(select={"labels": ["gpu"]}) for _ in range(3)]
    assert job.target == "a"
    async with dispatching():
        assert (await wait_state(job, "running")).target == "b"
    assert {(await reload(each)).target for each in special} == {"a"}


async def test_jobs_that_only_a_full_gateway_can_do_hold_up_no_others(
    far: FarGateway, other: FarGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(places, "BATCH", 2)
    await add_target(far, "a", labels=["gpu"], capacity=1)
    await add_target(other, "b", enabled=False)
    special = [await send(select={"labels": ["gpu"]}) for _ in range(4)]
    job = await send(select={})
    assert job.target == "a"
    async with dispatching():
        await wait_state(special[0], "running")
        await change("b", enabled=True)
        assert (await wait_state(job, "running")).target == "b"
    assert {(await reload(each)).target for each in special} == {"a"}


async def test_a_gateway_that_is_switched_off_gets_nothing_new_and_finishes_what_it_has(far: FarGateway) -> None:
    await add_target(far)
    async with dispatching():
        first = await send()
        await wait_state(first, "running")
        second = await send()
        await wait_state(second, "running")
        third = await send()
        await wait_state(third, "running")
        waiting = await run_db(lambda: Job.objects.create(kind="k", target="far", owner="x", requested_by="x"))
        await change(enabled=False)
        await run_db(lambda: Job.objects.filter(pk=waiting.pk).update(state="queued"))
        await until(lambda: Job.objects.get(pk=waiting.pk).saved, what="it was told")
        far.all_jobs[0].end()
        await wait_state(first, "succeeded")
        assert len(far.all_jobs) == 3
        await change(enabled=True)
        await wait_state(waiting, "running")
    told = await kinds(waiting)
    assert told[0] == "note"
    # That it may be sent again is told while it is sent, so either may come first.
    assert [kind for kind in told if kind != "note"] == ["sent", "state", "remote.state", "remote.state"]
    assert told.count("note") == 2


async def test_the_jobs_of_a_removed_gateway_end_or_move(far: FarGateway, other: FarGateway) -> None:
    row = await add_target(far, "a")
    async with dispatching():
        sent = await send(target="a")
        await wait_state(sent, "running")
        await change("a", enabled=False)
        await run_db(lambda: GatewayTarget.objects.filter(pk=row.pk).update(capacity=1, enabled=True))
        named, selected = await send(target="a"), await send(select={})
        await add_target(other, "b")
        await run_db(row.delete)
        done = await wait_state(sent, "failed")
        assert done.error == "The gateway a was removed. What became of it there is not known."
        moved = await wait_state(selected, "running")
        assert moved.target == "b"
        assert (await wait_state(named, "failed")).error == "The gateway a was removed."
    assert not await run_db(Job.objects.filter(target="a", remote_open=True).exists)


async def test_a_changed_address_is_used_at_once(far: FarGateway, other: FarGateway) -> None:
    await add_target(far, ws_url=f"ws://127.0.0.1:{free_port()}")
    async with dispatching():
        job = await send()
        await until(lambda: Job.objects.get(pk=job.pk).saved, what="it was told")
        await change(ws_url=other.url)
        await wait_state(job, "running")
    assert len(other.all_jobs) == 1
