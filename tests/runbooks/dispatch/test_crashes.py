"""What a dispatcher finds that follows one which died at the worst moment, and clocks that hold in any case."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from clawsite.core.db import run_db
from clawsite.core.errors import LeaseLost
from clawsite.core.leases import take_lease
from clawsite.core.process import register_process
from runbooks import jobs
from runbooks.dispatch import places, records
from runbooks.dispatch.loop import LEASE
from runbooks.models import Job, JobEvent
from runbooks.reaper import _Calm, reap
from tests.runbooks.dispatch.stage import (
    TOKEN,
    FarGateway,
    add_target,
    dispatching,
    reload,
    send,
    story,
    until,
    wait_state,
)
from tests.runbooks.people import BOB

pytestmark = pytest.mark.django_db(transaction=True)


async def leave_doubt(far: FarGateway, job: Job) -> str:
    """Leave what one leaves that died after it had sent a job and before it heard the answer; return its id there."""
    await run_db(lambda: Job.objects.filter(pk=job.pk).update(remote_open=True))
    return far.jobs.create("far.kind", {}, f"job-{job.key}").id


async def test_what_may_have_arrived_is_found_and_not_doubled(far: FarGateway) -> None:
    await add_target(far)
    job = await send()
    remote_id = await leave_doubt(far, job)
    async with dispatching():
        assert (await wait_state(job, "running")).remote_id == remote_id
    assert len(far.all_jobs) == 1


async def test_what_may_have_arrived_is_cancelled_there_too(far: FarGateway) -> None:
    await add_target(far)
    job = await send()
    await leave_doubt(far, job)
    asked = await run_db(lambda: jobs.cancel_job(job.key, actor=BOB))
    assert (asked.state, asked.cancel_requested) == ("queued", True)
    async with dispatching():
        await wait_state(job, "cancelled")
    assert [theirs.state for theirs in far.all_jobs] == ["cancelled"]


async def test_what_was_not_taken_and_is_to_be_cancelled_is_so(far: FarGateway) -> None:
    await add_target(far)
    job = await send()
    await run_db(lambda: Job.objects.filter(pk=job.pk).update(cancel_requested=True))
    async with dispatching():
        await wait_state(job, "cancelled")
    assert far.all_jobs == []


async def test_what_ended_here_meanwhile_is_recalled(far: FarGateway) -> None:
    await add_target(far)
    job = await send()
    await leave_doubt(far, job)
    await run_db(lambda: Job.objects.filter(pk=job.pk).update(state="timed_out", ended_at=timezone.now()))
    async with dispatching():
        await until(lambda: not Job.objects.get(pk=job.pk).remote_open, what="it is recalled")
    assert [theirs.state for theirs in far.all_jobs] == ["cancelled"]
    assert (await reload(job)).state == "timed_out"


async def test_who_was_overtaken_writes_nothing(far: FarGateway) -> None:
    await add_target(far)
    job = await send()

    def overtake() -> None:
        process = register_process("worker")
        old = take_lease(LEASE, process_id=process.pk)
        assert old is not None
        assert take_lease(LEASE, process_id=process.pk) is not None
        news = [records.News(seq=1, kind="line", data={}, ts=None)]
        for write in (
            lambda: records.mark_sent(old, job.pk, "far"),
            lambda: records.accept(old, job.pk, "r1"),
            lambda: records.mirror(old, job.pk, news),
            lambda: records.finish(old, job.pk, to="failed"),
            lambda: records.settle(old, job.pk),
            lambda: records.skip(old, job.pk, 7),
        ):
            with pytest.raises(LeaseLost):
                write()

    await run_db(overtake)
    same = await reload(job)
    assert (same.state, same.remote_open, same.remote_id, same.remote_seq) == ("queued", False, "", 0)


async def test_who_answers_and_has_ended_is_within_reach_before_that(far: FarGateway) -> None:
    await add_target(far)
    job = await send()

    def come_back() -> None:
        held = take_lease(LEASE, process_id=register_process("worker").pk)
        assert held is not None
        records.mark_sent(held, job.pk, "far")
        records.accept(held, job.pk, "r1")
        assert places.note_waiting(held, "far", "far is out of reach.", is_sent=True) == 1
        assert records.mirror(held, job.pk, [records.News(seq=1, kind="line", data={}, ts=None)])
        records.finish(held, job.pk, to="succeeded", seq=2)
        assert places.note_back(held, "far", is_sent=True) == 0

    await run_db(come_back)
    told = [data.get("text", kind) for kind, data in await story(job)]
    assert told[1:] == ["sent", "far is out of reach.", "far is within reach again.", "state", "line", "end"]


async def test_what_ended_there_while_nothing_ran_here_ends_here_as_it_did_there(far: FarGateway) -> None:
    """A worker begins after a night without power, and its first look comes before the dispatcher's."""
    await add_target(far)
    async with dispatching():
        job = await send()
        await wait_state(job, "running")
    far.all_jobs[0].end()

    def begin_again() -> None:
        Job.objects.filter(pk=job.pk).update(deadline=timezone.now() - timedelta(hours=8))
        _Calm.note(failed=True)
        reap(register_process("worker").pk)

    await run_db(begin_again)
    assert (await reload(job)).state == "running"
    async with dispatching():
        await wait_state(job, "succeeded")


@pytest.mark.parametrize("back", [False, True])
async def test_a_note_keeps_what_a_courier_wrote_a_moment_before(far: FarGateway, back: bool) -> None:
    await add_target(far)
    job = await send()

    def note() -> None:
        held = take_lease(LEASE, process_id=register_process("worker").pk)
        assert held is not None
        first = {"noted": "before"} if back else {}
        Job.objects.filter(pk=job.pk).update(saved=first)
        written: list[str] = []

        def write_before(execute: Callable[..., Any], sql: str, *rest: Any) -> Any:
            """Write as a courier does that holds the lease, while who tells waits for it."""
            if sql.startswith("UPDATE core_lease") and not written:
                written.append(sql)
                Job.objects.filter(pk=job.pk).update(saved=first | {"tried": ["near"]})
            return execute(sql, *rest)

        with connection.execute_wrapper(write_before):
            tell = partial(places.note_back, held, "far") if back else partial(places.note_waiting, held, "far", "Off.")
            assert tell(is_sent=False) == 1

    await run_db(note)
    saved = (await reload(job)).saved
    assert (saved.get("tried"), "noted" in saved) == (["near"], not back)


async def test_the_clock_stands_still_while_the_job_is_parked_there(far: FarGateway) -> None:
    await add_target(far)
    async with dispatching():
        job = await send("selftest")
        running = await wait_state(job, "running")
        assert running.deadline is not None
        far.all_jobs[0].emit("state", {"state": "waiting_approval"})
        await until(lambda: Job.objects.get(pk=job.pk).deadline is None, what="no deadline")
        far.all_jobs[0].emit("state", {"state": "running"})
        await until(lambda: Job.objects.get(pk=job.pk).deadline is not None, what="a deadline")
    assert (await reload(job)).state == "running"


async def test_times_of_another_clock_stay_within_reason(far: FarGateway) -> None:
    await add_target(far)
    async with dispatching():
        job = await send()
        await wait_state(job, "running")
        for ts in (0, 1, 10**17, -5):
            theirs = far.all_jobs[0]
            theirs.events.append({"jobId": theirs.id, "seq": len(theirs.events) + 1, "kind": "line", "ts": ts})
        theirs.end()
        await wait_state(job, "succeeded")
    moments = await run_db(lambda: list(JobEvent.objects.filter(job=job).values_list("at", flat=True)))
    assert all(job.created_at <= at <= timezone.now() + timedelta(seconds=1) for at in moments)


async def test_whatever_the_other_side_says_fits_into_our_rows(far: FarGateway) -> None:
    await add_target(far)
    async with dispatching():
        job = await send()
        await wait_state(job, "running")
        theirs = far.all_jobs[0]
        theirs.emit("x" * 500, {"text": "a\x00b" + "y" * 200_000})
        theirs.emit("", ["no", "object"])
        theirs.emit("cut", None)
        far.results[theirs.id] = {"text": "z" * 2_000_000}
        theirs.end()
        done = await wait_state(job, "succeeded")
    told = [(kind, data) for kind, data in await story(job)][-4:]
    assert [kind for kind, _ in told] == ["x" * 64, "remote.", "remote.cut", "end"]
    assert len(told[0][1]["text"]) < 70_000
    assert len(str(done.result)) < 1_100_000


async def test_no_token_is_in_any_log(far: FarGateway, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    await add_target(far)
    far.fault("garbage", "jobs.start")
    far.fault("error", "jobs.status", error={"code": "UNAVAILABLE", "message": TOKEN, "retryable": True}, times=None)
    async with dispatching():
        job = await send()
        await wait_state(job, "running", seconds=60)
        far.cut_all()
        far.all_jobs[0].end()
        await wait_state(job, "succeeded", seconds=60)
    ours = [each.getMessage() for each in caplog.records if not each.name.startswith("websockets.server")]
    assert ours
    assert TOKEN not in str(ours)
