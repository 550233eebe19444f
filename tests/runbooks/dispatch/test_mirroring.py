"""A job on another gateway from its creation to its end, as it is seen here."""

from __future__ import annotations

import json

import pytest
from pytest_django import Settings

from clawsite.core.db import run_db
from runbooks import jobs
from runbooks.models import Job, JobEvent
from runbooks.reaper import reap
from runbooks.run import run_job
from runbooks.runner import perform
from tests.runbooks.dispatch.stage import (
    TOKEN,
    FarGateway,
    add_target,
    dispatching,
    kinds,
    reload,
    send,
    story,
    until,
    wait_state,
)
from tests.runbooks.people import BOB

pytestmark = pytest.mark.django_db(transaction=True)


async def test_a_job_is_sent_and_everything_that_happens_to_it_comes_back(far: FarGateway) -> None:
    await add_target(far)
    async with dispatching():
        job = await send(params={"any": 1})
        await wait_state(job, "running")
        theirs = far.all_jobs[0]
        assert (theirs.kind, theirs.params) == ("far.kind", {"any": 1})
        theirs.emit("line", {"text": "hello"})
        far.results[theirs.id] = {"answer": 42}
        theirs.end()
        done = await wait_state(job, "succeeded")
    assert (done.result, done.remote_open, done.remote_id, done.attempts) == ({"answer": 42}, False, theirs.id, 1)
    assert await story(job) == [
        ("state", {"state": "queued"}),
        ("sent", {"target": "far", "remoteId": theirs.id}),
        ("state", {"state": "running", "attempt": 1}),
        ("remote.state", {"state": "queued"}),
        ("remote.state", {"state": "running", "attempt": 1}),
        ("line", {"text": "hello"}),
        ("end", {"state": "succeeded"}),
    ]


async def test_many_events_come_once_each_and_in_order(far: FarGateway) -> None:
    await add_target(far)
    async with dispatching():
        job = await send()
        await wait_state(job, "running")
        for number in range(2500):
            far.all_jobs[0].emit("line", {"n": number})
            if number % 500 == 250:
                far.cut_all()
        far.all_jobs[0].end()
        await wait_state(job, "succeeded")
    lines = JobEvent.objects.filter(job=job, kind="line").order_by("seq")
    assert await run_db(lambda: [event.data["n"] for event in lines]) == list(range(2500))


async def test_a_lost_answer_to_create_doubles_nothing(far: FarGateway) -> None:
    await add_target(far)
    far.fault("cut_after", "jobs.create", times=2)
    far.fault("cut_after", "jobs.start", times=1)
    async with dispatching():
        job = await send()
        await wait_state(job, "running")
    assert len(far.all_jobs) == 1
    assert (await kinds(job)).count("sent") == 1


async def test_the_other_gateways_failure_is_the_jobs(far: FarGateway) -> None:
    await add_target(far)
    async with dispatching():
        job = await send()
        await wait_state(job, "running")
        theirs = far.all_jobs[0]
        theirs.state = "failed"
        theirs.emit("end", {"state": "failed", "error": "the disk is full"})
        done = await wait_state(job, "failed")
    assert (done.error, done.result) == ("the disk is full", None)


async def test_a_refused_job_fails_and_says_why(far: FarGateway) -> None:
    await add_target(far)
    far.fault("error", "jobs.create", error={"code": "INVALID_REQUEST", "message": "there is no such kind"})
    async with dispatching():
        done = await wait_state(await send(), "failed")
    assert done.error == "far did not take it: jobs.create: there is no such kind [INVALID_REQUEST]"
    assert not done.remote_open


async def test_a_forgotten_job_fails_and_says_so(far: FarGateway) -> None:
    await add_target(far)
    async with dispatching():
        job = await send()
        await wait_state(job, "running")
        far.jobs.by_id.clear()
        far.cut_all()
        done = await wait_state(job, "failed")
    assert done.error.startswith("far does not know this job any more")


async def test_a_job_that_cannot_be_followed_any_more_is_ended_there_too(far: FarGateway) -> None:
    await add_target(far)
    async with dispatching():
        job = await send()
        await wait_state(job, "running")
        broken = {"code": "UNAVAILABLE", "message": "internal error 0badcafe"}
        far.fault("error", "jobs.subscribe", error=broken)
        far.cut_all()
        done = await wait_state(job, "failed")
        await until(lambda: not Job.objects.get(pk=job.pk).remote_open)
    why = "far cannot be asked about this job any more: jobs.subscribe: internal error 0badcafe [UNAVAILABLE]"
    assert done.error == why
    assert far.all_jobs[0].state == "cancelled"


async def test_events_that_the_other_gateway_lost_are_named(far: FarGateway) -> None:
    await add_target(far)
    async with dispatching():
        job = await send()
        await wait_state(job, "running")
        far.lost_events |= {4, 5}
        for number in range(3, 8):
            far.all_jobs[0].emit("line", {"n": number})
        far.all_jobs[0].end()
        done = await wait_state(job, "succeeded")
    told = [data for kind, data in await story(done) if kind in ("line", "note")]
    text = "far no longer has its events 4 to 5 of this job."
    assert told == [{"n": 3}, {"text": text}, {"n": 6}, {"n": 7}]


async def test_a_gateway_that_was_set_back_ends_the_job(far: FarGateway) -> None:
    await add_target(far)
    async with dispatching():
        job = await send()
        await until(lambda: Job.objects.get(pk=job.pk).remote_seq == 2)
    del far.all_jobs[0].events[1:]
    async with dispatching():
        done = await wait_state(job, "failed")
        assert done.error == "far has fewer events of this job than it had; it was set back."
        await until(lambda: not Job.objects.get(pk=job.pk).remote_open)
    assert far.all_jobs[0].state == "cancelled"


async def test_no_more_events_are_kept_than_of_any_job(far: FarGateway, settings: Settings) -> None:
    settings.CLAW_JOB_EVENTS = 10
    await add_target(far)
    async with dispatching():
        job = await send()
        await wait_state(job, "running")
        for number in range(20):
            far.all_jobs[0].emit("line", {"n": number})
        far.all_jobs[0].end()
        done = await wait_state(job, "succeeded")
    assert (await kinds(done))[-3:] == ["line", "cut", "end"]
    assert (done.last_seq, done.remote_seq) == (11, 23)


async def test_no_more_bytes_of_events_are_kept_than_of_any_job(far: FarGateway, settings: Settings) -> None:
    settings.CLAW_JOB_EVENT_BYTES = 2000
    await add_target(far)
    async with dispatching():
        job = await send()
        await wait_state(job, "running")
        for number in range(20):
            far.all_jobs[0].emit("line", {"n": number, "text": "x" * 500})
        far.all_jobs[0].end()
        done = await wait_state(job, "succeeded")
    assert (await kinds(done))[-5:] == ["line", "line", "line", "cut", "end"]


async def test_a_token_that_is_sent_back_is_kept_nowhere(far: FarGateway) -> None:
    await add_target(far)
    async with dispatching():
        job = await send()
        await wait_state(job, "running")
        far.all_jobs[0].emit("line", {"text": f"you sent {TOKEN}"})
        far.all_jobs[0].state = "failed"
        far.all_jobs[0].emit("end", {"state": "failed", "error": f"bad {TOKEN}"})
        done = await wait_state(job, "failed")
    kept = json.dumps([await story(done), done.error, await run_db(lambda: list(Job.objects.values_list("saved")))])
    assert TOKEN not in kept
    assert "you sent [token]" in kept


async def test_the_local_worker_never_runs_it(far: FarGateway) -> None:
    await add_target(far)
    job = await send("selftest")
    await run_db(run_job, job.pk)
    assert not await run_db(perform, job.pk)
    async with dispatching():
        await wait_state(job, "running")
        await run_db(reap, 1)
    job = await reload(job)
    assert (job.state, job.sent_at is not None) == ("running", True)
    await run_db(lambda: jobs.cancel_job(job.key, actor=BOB))
