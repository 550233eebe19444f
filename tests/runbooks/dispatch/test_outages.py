"""Either side goes away: what is told, what waits, what is forwarded afterwards; nothing is lost or doubled."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from django.utils import timezone

from clawsite.core.db import run_db
from clawsite.core.nudge import nudge
from runbooks import jobs
from runbooks.dispatch import dispatcher
from runbooks.models import GatewayTarget, Job
from runbooks.reaper import reap
from runbooks.targets.checking import NUDGE
from tests.runbooks.dispatch.stage import FarGateway, add_target, dispatching, reload, send, story, until, wait_state
from tests.runbooks.people import BOB
from tests.runbooks.test_rewound import Moved
from tests.servers.gateway.connection import Connection
from tests.servers.proxy import TcpProxy

pytestmark = pytest.mark.django_db(transaction=True)
AWAY_SECONDS = 45.0


async def cancel(job: Job) -> Job:
    return await run_db(lambda: jobs.cancel_job(job.key, actor=BOB))


async def wait_away(name: str = "far") -> None:
    await until(lambda: GatewayTarget.objects.get(name=name).reach == "away", what="the outage is seen")


async def notes(job: Job) -> list[str]:
    return [data["text"] for kind, data in await story(job) if kind == "note"]


async def test_an_outage_is_told_once_and_everything_comes_afterwards(far: FarGateway) -> None:
    async with TcpProxy(far.port) as proxy, dispatching():
        await add_target(proxy)
        job = await send()
        await wait_state(job, "running")
        for _ in range(2):
            proxy.refuse()
            await wait_away()
            far.all_jobs[0].emit("line", {"while": "away"})
            told = len(await notes(job))
            await until(lambda: Job.objects.get(pk=job.pk).saved, seconds=AWAY_SECONDS, what="it was told")
            row = await run_db(GatewayTarget.objects.get)
            assert "cannot be reached" in row.last_error
            assert (await reload(job)).state == "running"
            proxy.refuse(False)
            await until(lambda: not Job.objects.get(pk=job.pk).saved, seconds=AWAY_SECONDS, what="it is back")
            assert len(await notes(job)) >= told
        far.all_jobs[0].end()
        await wait_state(job, "succeeded", seconds=AWAY_SECONDS)
    lines = [data for kind, data in await story(job) if kind == "line"]
    assert lines == [{"while": "away"}] * 2
    texts = await notes(job)
    assert [text.startswith("far is out of reach since 20") for text in texts] == [True, False, True, False]
    assert texts[1] == "far is within reach again."


async def test_a_job_waits_for_a_gateway_that_is_away(far: FarGateway) -> None:
    async with TcpProxy(far.port) as proxy, dispatching():
        proxy.refuse()
        await add_target(proxy)
        job = await send()
        await until(lambda: Job.objects.get(pk=job.pk).saved, seconds=AWAY_SECONDS, what="it was told")
        assert ((await reload(job)).state, (await reload(job)).remote_open) == ("queued", False)
        proxy.refuse(False)
        await wait_state(job, "running", seconds=AWAY_SECONDS)
    assert len(far.all_jobs) == 1


async def test_a_cancel_during_an_outage_is_seen_at_once_and_forwarded_later(far: FarGateway) -> None:
    async with TcpProxy(far.port) as proxy, dispatching():
        await add_target(proxy)
        job = await send()
        await wait_state(job, "running")
        proxy.refuse()
        await wait_away()
        asked = await cancel(job)
        assert (asked.state, asked.cancel_requested) == ("running", True)
        assert ("state", {"state": "running", "cancelRequested": True}) in await story(job)
        assert far.all_jobs[0].state == "running"
        proxy.refuse(False)
        await wait_state(job, "cancelled", seconds=AWAY_SECONDS)
    assert far.all_jobs[0].state == "cancelled"


async def test_a_job_that_nobody_has_yet_is_cancelled_at_once(far: FarGateway) -> None:
    async with dispatching():
        await add_target(far, enabled=True, ws_url="ws://127.0.0.1:9")
        job = await send()
        assert (await cancel(job)).state == "cancelled"
    assert far.all_jobs == []


@pytest.fixture
def at_ease(monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker that has looked for a while: what ended elsewhere would have been heard of by now."""
    monkeypatch.setattr("runbooks.reaper.CALM_SECONDS", 0.0)


@pytest.mark.usefixtures("at_ease")
async def test_the_deadline_holds_during_an_outage_and_the_job_is_recalled(far: FarGateway) -> None:
    async with TcpProxy(far.port) as proxy, dispatching():
        await add_target(proxy)
        job = await send("selftest")
        await wait_state(job, "running")
        assert (await reload(job)).deadline > timezone.now() + timedelta(hours=3)  # type: ignore[operator]
        proxy.refuse()
        await wait_away()
        past = timezone.now() - timedelta(minutes=1)
        await run_db(lambda: Job.objects.filter(pk=job.pk).update(deadline=past))
        await run_db(reap, 1)
        ended = await reload(job)
        assert (ended.state, ended.remote_open) == ("timed_out", True)
        proxy.refuse(False)
        await until(lambda: not Job.objects.get(pk=job.pk).remote_open, seconds=AWAY_SECONDS, what="it is recalled")
    assert far.all_jobs[0].state == "cancelled"
    assert (await reload(job)).state == "timed_out"
    assert (await story(job))[-1][0] == "end"


@pytest.mark.usefixtures("at_ease")
async def test_a_clock_set_forward_ends_no_job_elsewhere(far: FarGateway, monkeypatch: pytest.MonkeyPatch) -> None:
    """Over there no time has passed; here the deadline is a time of day."""
    clock = Moved(0.0)
    monkeypatch.setattr(dispatcher, "Offset", lambda: clock)
    async with dispatching():
        await add_target(far)
        job = await send("selftest")
        await wait_state(job, "running")
        hour = timedelta(hours=1)
        before = timezone.now() - hour + timedelta(minutes=1)  # a minute was left when the clock was set
        await run_db(lambda: Job.objects.filter(pk=job.pk).update(deadline=before))
        clock.seconds = hour.total_seconds()
        await until(lambda: Job.objects.get(pk=job.pk).deadline == before + hour, what="the deadline goes along")
        await run_db(reap, 1)
        assert (await reload(job)).state == "running"
        far.all_jobs[0].end()
        await wait_state(job, "succeeded")


@pytest.mark.usefixtures("at_ease")
async def test_a_cancel_that_never_gets_there_ends_the_job_here(far: FarGateway) -> None:
    await add_target(far)
    async with dispatching():
        job = await send()
        await wait_state(job, "running")
    asked = await cancel(job)
    assert asked.deadline is not None
    assert asked.deadline < timezone.now() + timedelta(minutes=11)
    past = timezone.now() - timedelta(minutes=1)
    await run_db(lambda: Job.objects.filter(pk=job.pk).update(deadline=past))
    await run_db(reap, 1)
    assert (await reload(job)).state == "cancelled"


async def test_the_next_dispatcher_goes_on_where_the_last_one_stopped(far: FarGateway) -> None:
    await add_target(far)
    async with dispatching():
        job = await send()
        await wait_state(job, "running")
        far.all_jobs[0].emit("line", {"n": 1})
    far.all_jobs[0].emit("line", {"n": 2})
    async with dispatching():
        far.all_jobs[0].emit("line", {"n": 3})
        far.all_jobs[0].end()
        await wait_state(job, "succeeded")
    assert [data["n"] for kind, data in await story(job) if kind == "line"] == [1, 2, 3]
    assert far.count("jobs.create") == 1


async def test_two_dispatchers_do_nothing_twice(far: FarGateway) -> None:
    await add_target(far)
    async with dispatching(), dispatching(host="another"):
        made = [await send() for _ in range(4)]
        for job in made:
            await wait_state(job, "running")
        for theirs in far.all_jobs:
            theirs.emit("line", {"n": 1})
            theirs.end()
        for job in made:
            await wait_state(job, "succeeded")
    assert (len(far.all_jobs), far.count("jobs.create")) == (4, 4)
    for job in made:
        assert [kind for kind, _ in await story(job)].count("line") == 1


async def test_a_wrong_token_is_the_admins_to_put_right(far: FarGateway) -> None:
    row = await add_target(far, token="claw_wrong_token")
    async with dispatching():
        job = await send()
        await wait_away()
        row = await run_db(GatewayTarget.objects.get)
        assert "refused" in row.last_error
        assert "claw_wrong_token" not in str(await story(job)) + row.last_error
        await run_db(lambda: GatewayTarget.objects.update(token="claw_right_token"))
        await wait_state(job, "running", seconds=AWAY_SECONDS)


async def test_an_answer_that_makes_no_sense_ends_nothing(far: FarGateway) -> None:
    """The courier begins anew, as after a lost connection."""
    answer = far.methods["jobs.subscribe"]
    nonsense = iter([{"job": {"state": ["running"]}, "lastSeq": 0}] * 2)

    async def first_nonsense(connection: Connection, params: dict[str, Any], request_id: str) -> Any:
        return next(nonsense, None) or await answer(connection, params, request_id)

    far.methods["jobs.subscribe"] = first_nonsense
    async with dispatching():
        await add_target(far)
        job = await send()
        await until(lambda: far.all_jobs and far.all_jobs[0].state == "running", what="it runs there")
        far.all_jobs[0].end()
        assert (await wait_state(job, "succeeded")).error == ""


async def test_who_hears_of_the_job_before_the_gateway_is_found_there_tells_no_second_outage(far: FarGateway) -> None:
    """After an outage the events may come while the question whether it is there still waits for its answer."""
    found, answer = asyncio.Event(), far.methods["ping"]

    async def ping(connection: Connection, params: dict[str, Any], request_id: str) -> Any:
        await found.wait()
        return await answer(connection, params, request_id)

    async with TcpProxy(far.port) as proxy, dispatching():
        await add_target(proxy)
        job = await send()
        await wait_state(job, "running")
        proxy.refuse()
        await until(lambda: Job.objects.get(pk=job.pk).saved, seconds=AWAY_SECONDS, what="it was told")
        far.methods["ping"] = ping
        far.all_jobs[0].emit("line", {"while": "away"})
        proxy.refuse(False)
        await until(lambda: not Job.objects.get(pk=job.pk).saved, seconds=AWAY_SECONDS, what="its events are back")
        for _ in range(10):
            await run_db(partial(nudge, NUDGE))
            await asyncio.sleep(0.05)
        assert (await run_db(GatewayTarget.objects.get)).reach == "away"
        found.set()
        await until(lambda: GatewayTarget.objects.get().reach != "away", what="it is found there")
        far.all_jobs[0].end()
        await wait_state(job, "succeeded", seconds=AWAY_SECONDS)
    assert len(await notes(job)) == 2
