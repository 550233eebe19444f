"""Jobs on a second installation of the product, which is killed, cut off and asked to cancel in the middle."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pytest_django import Settings

from clawsite.core.db import close_pool, run_db
from runbooks import jobs
from runbooks.models import GatewayTarget, Job
from tests.clawsite.running import until as wait_until
from tests.runbooks.dispatch.installation import TOKEN, Installation, installation, mirrored
from tests.runbooks.dispatch.stage import dispatching, reload, send, story, until, wait_state
from tests.runbooks.people import BOB
from tests.servers.proxy import TcpProxy

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.faults, pytest.mark.timeout(240)]
END_SECONDS = 90.0
MAKE = """
import json
from guardrails.types import Actor, Role
from runbooks.jobs import create_job
from runbooks.models import GatewayTarget
GatewayTarget.objects.create(name="far", ws_url="{url}", token="{token}")
bob = Actor(subject="user:2", role=Role.OPERATOR, name="Bob")
print(json.dumps(create_job("selftest", params={params}, actor=bob, start=True, target="far").key))
"""


@pytest.fixture(scope="module")
def far(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """The other installation."""
    with installation(tmp_path_factory.mktemp("far") / "home") as made:
        yield made


@pytest.fixture(autouse=True)
async def own(tmp_path: Path, settings: Settings) -> Any:
    """Nudges of the test's own."""
    settings.RUN_DIR = tmp_path
    yield
    close_pool()


async def add_far(url: str) -> None:
    await run_db(lambda: GatewayTarget.objects.create(name="far", ws_url=url, token=TOKEN))


async def wait_lines(job: Job, count: int, *, seconds: float = 60) -> None:
    await until(lambda: job.events.filter(kind="line").count() >= count, seconds=seconds, what=f"{count} lines")


async def check_the_same(far: Installation, job: Job) -> list[tuple[str, Any]]:
    """Both sides tell the same story: each event of theirs once, in order, with nothing between."""
    job = await reload(job)
    theirs = [event for event in far.events(job.remote_id) if event[0] != "end"]
    assert mirrored(await story(job)) == theirs
    assert far.ask("SELECT count(*) FROM runbooks_job WHERE idempotency_key = %s", f"job-{job.key}") == [(1,)]
    return theirs


async def test_a_job_runs_there_and_is_seen_here(far: Installation) -> None:
    await add_far(far.url)
    async with dispatching():
        job = await send("selftest", params={"events": 300, "pause": 0, "echo": "hello"})
        done = await wait_state(job, "succeeded", seconds=END_SECONDS)
    assert done.result == {"events": 300, "echo": "hello", "attempt": 1}
    theirs = await check_the_same(far, job)
    assert [data["n"] for kind, data in theirs if kind == "line"] == list(range(1, 301))


async def test_a_kind_or_parameters_that_are_not_known_there_fail_the_job(far: Installation) -> None:
    await add_far(far.url)
    async with dispatching():
        done = await wait_state(await send("not.there"), "failed", seconds=END_SECONDS)
        assert "There is no kind of job named 'not.there'" in done.error
        done = await wait_state(await send("selftest", params={"events": "many"}), "failed", seconds=END_SECONDS)
        assert "parameters of a selftest job are not right" in done.error


async def test_a_network_that_is_cut_again_and_again(far: Installation) -> None:
    async with TcpProxy(far.port) as proxy, dispatching():
        await add_far(proxy.url.replace("http", "ws"))
        job = await send("selftest", params={"events": 400, "pause": 0.01})
        for number in range(8):
            await wait_lines(job, number * 20)
            proxy.cut()
        done = await wait_state(job, "succeeded", seconds=END_SECONDS)
    assert done.attempts == 1
    await check_the_same(far, job)


async def test_a_cancel_during_an_outage_gets_there(far: Installation) -> None:
    async with TcpProxy(far.port) as proxy, dispatching():
        await add_far(proxy.url.replace("http", "ws"))
        job = await send("selftest", params={"events": 100_000, "pause": 0.05})
        await wait_lines(job, 3)
        proxy.refuse()
        await until(lambda: GatewayTarget.objects.get().reach == "away", what="the outage is seen")
        assert (await run_db(lambda: jobs.cancel_job(job.key, actor=BOB))).cancel_requested
        proxy.refuse(False)
        done = await wait_state(job, "cancelled", seconds=END_SECONDS)
    assert far.job(done.remote_id, "state") == ("cancelled",)
    await check_the_same(far, job)


async def test_the_other_side_loses_its_power_in_the_middle(far: Installation) -> None:
    await add_far(far.url)
    async with dispatching():
        job = await send("selftest", params={"events": 80, "pause": 0.1})
        await wait_lines(job, 5)
        await asyncio.to_thread(far.kill)
        await until(lambda: GatewayTarget.objects.get().reach == "away", what="the outage is seen")
        await until(lambda: job.events.filter(kind="note").exists(), what="the job is told")
        assert (await reload(job)).state == "running"
        await asyncio.to_thread(far.begin)
        done = await wait_state(job, "succeeded", seconds=END_SECONDS)
    theirs = await check_the_same(far, job)
    assert ("state", {"state": "queued", "reason": "interrupted"}) in theirs
    assert [kind for kind, _ in await story(done)].count("note") == 2


def test_our_worker_is_killed_again_and_again(far: Installation, tmp_path: Path) -> None:
    with installation(tmp_path / "home", "worker", CLAW_LEASE_SECONDS="5") as near:
        key = near.shell(MAKE.format(url=far.url, token=TOKEN, params={"events": 300, "pause": 0.03}))
        for number in (20, 80, 140):
            wait_until(lambda: len(near.events(key)) > number, seconds=60, what=f"{number} events; {near.tail()}")  # noqa: B023
            os.kill(near.role_pid("worker"), signal.SIGKILL)
        wait_until(lambda: near.job(key, "state") == ("succeeded",), seconds=END_SECONDS, what=near.tail())
        remote_id, result, saved = near.job(key, "remote_id", "result", "remote_open")
        assert (json.loads(result)["events"], saved) == (300, 0)
        theirs = [event for event in far.events(remote_id) if event[0] != "end"]
        assert mirrored(near.events(key)) == theirs
        assert far.ask("SELECT count(*) FROM runbooks_job WHERE idempotency_key = %s", f"job-{key}") == [(1,)]
        assert [kind for kind, _ in near.events(key)].count("end") == 1
        assert TOKEN not in near.log.read_text(encoding="utf-8", errors="replace")
