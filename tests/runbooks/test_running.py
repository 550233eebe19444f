"""Running a job: its events, its end in every way, pauses, and what is kept of what it says."""

from __future__ import annotations

import math
import threading
import time
from datetime import timedelta
from typing import Any

import pytest
from django.db import OperationalError, connection
from django.utils import timezone
from pytest_django import Settings

from clawsite.core.errors import BadInput
from clawsite.core.models import Lease, Process
from clawsite.core.process import host_name
from clawsite.core.tracing import ids, trace
from runbooks import jobs
from runbooks.jobs import JobContext, Park, endings
from runbooks.jobs.working import Overtaken, Signals
from runbooks.models import Job
from runbooks.reaper import end_overdue
from runbooks.runner import perform
from tests.runbooks.people import BOB
from tests.runbooks.running import kind, run, start, story

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_run_from_its_start_to_its_end() -> None:
    job = run(start("selftest", events=2, pause=0, echo="hi"))

    assert (job.state, job.attempts, job.result) == ("succeeded", 1, {"events": 2, "echo": "hi", "attempt": 1})
    assert story(job) == [
        ("state", {"state": "queued"}),
        ("state", {"state": "running", "attempt": 1}),
        ("line", {"n": 1}),
        ("line", {"n": 2}),
        ("end", {"state": "succeeded"}),
    ]
    assert not Process.objects.filter(role="job").exists()
    assert Lease.objects.get(name=job.lease).owner is None


@pytest.mark.parametrize("state", ["created", "running", "succeeded", "cancelled", "waiting_approval"])
def test_only_what_is_queued_is_run(state: str) -> None:
    job = start("selftest")
    over = timezone.now() if state in ("succeeded", "cancelled") else None
    Job.objects.filter(pk=job.pk).update(state=state, ended_at=over)

    assert not perform(job.pk)
    assert len(story(job)) == 1
    assert not Process.objects.exists()


def test_a_machine_runs_no_more_jobs_than_it_may(settings: Settings) -> None:
    settings.CLAW_JOBS = 1
    other = Process.objects.create(host=host_name(), pid=1, started=1, role="job")
    job = start("selftest", events=0)

    assert not perform(job.pk)
    job.refresh_from_db()
    assert (job.state, job.sent_at) == ("queued", None)  # so that somebody is told as soon as there is room

    other.delete()
    assert run(job).state == "succeeded"


def test_a_job_that_is_delivered_twice_runs_once() -> None:
    def stay(ctx: JobContext) -> None:
        assert not perform(ctx.job.pk)

    with kind(stay):
        job = run(start())
    assert [name for name, _ in story(job)].count("end") == 1


def fail(ctx: JobContext) -> None:
    raise BadInput("The disk is not there.")


def break_down(ctx: JobContext) -> None:
    raise RuntimeError("secret detail")


def leave(ctx: JobContext) -> None:
    raise SystemExit(0)


@pytest.mark.parametrize(
    ("code", "error"),
    [(fail, "The disk is not there."), (break_down, "internal error "), (leave, "internal error ")],
)
def test_errors_end_the_job_and_tell_no_secret(code: Any, error: str) -> None:
    with kind(code):
        job = run(start())

    assert job.state == "failed"
    assert job.error.startswith(error)
    assert "secret" not in job.error
    assert story(job)[-1] == ("end", {"state": "failed", "error": job.error})


def test_what_follows_an_end_is_tried_again_when_the_database_was_in_its_way(monkeypatch: pytest.MonkeyPatch) -> None:
    """As where two wait for each other in PostgreSQL, which then ends one of them."""
    tries: list[str] = []

    def follow(job: Job) -> None:
        tries.append(job.state)
        if len(tries) == 1:
            raise OperationalError("database is locked")

    monkeypatch.setitem(endings._functions, "test", follow)
    with kind(lambda ctx: None):
        job = run(start())
    assert (job.state, tries) == ("succeeded", ["succeeded"] * 2)
    assert [event for event, _data in story(job)].count("end") == 1


def test_a_kind_that_is_gone_fails_the_job() -> None:
    with kind(lambda ctx: None):
        job = start()

    assert run(job).error == "This version has no kind of job named 'test'."


def test_a_cancel_is_heard_at_the_next_event_or_by_the_watch() -> None:
    def emit(ctx: JobContext) -> None:
        jobs.cancel_job(ctx.key, actor=BOB)
        ctx.emit("line")
        ctx.check()

    def wait(ctx: JobContext) -> None:
        jobs.cancel_job(ctx.key, actor=BOB)
        ctx.wait(60)

    for code in (emit, wait):
        with kind(code):
            job = run(start())
        assert (job.state, job.error) == ("cancelled", "")
        assert ("state", {"state": "running", "cancelRequested": True}) in story(job)


def test_time_is_up_at_the_limit() -> None:
    with kind(lambda ctx: ctx.wait(60), seconds=0.3):
        begun = time.monotonic()
        job = run(start())

    assert (job.state, job.error) == ("timed_out", "Its time was over.")
    assert time.monotonic() - begun < 5


def test_who_was_overtaken_writes_nothing_more() -> None:
    told: list[str] = []

    def lose(ctx: JobContext) -> str:
        Job.objects.filter(pk=ctx.job.pk).update(token=99)
        for write in (lambda: ctx.emit("line"), lambda: ctx.save(a=1)):
            try:
                write()
            except Overtaken:
                told.append("overtaken")
        return "done"

    with kind(lose):
        job = run(start())
    assert told == ["overtaken", "overtaken"]
    assert (job.state, job.result, len(story(job))) == ("running", None, 2)


def test_a_pause_ends_at_its_time_and_keeps_what_was_saved() -> None:
    until = timezone.now() + timedelta(hours=1)

    def rest(ctx: JobContext) -> Any:
        if "rested" in ctx.state:
            return ctx.state
        ctx.save(rested=True)
        return Park(until=until)

    with kind(rest):
        job = run(start())
        assert (job.state, job.not_before, job.attempts, job.deadline) == ("queued", until, 0, None)
        assert story(job)[-1] == ("state", {"state": "queued", "until": until.isoformat()})
        assert not perform(job.pk)
        Job.objects.filter(pk=job.pk).update(not_before=timezone.now())
        assert run(job).result == {"rested": True}


def test_a_job_waits_for_an_approval_and_is_resumed_once() -> None:
    def ask(ctx: JobContext) -> Any:
        if ctx.attempt and ctx.state.get("asked"):
            return "approved"
        ctx.save(asked=True)
        return Park(for_approval=True, until=timezone.now() + timedelta(hours=1))

    with kind(ask):
        job = run(start())
        assert job.state == "waiting_approval"
        assert jobs.resume_job(job.pk, note={"approval": "abc"}) is not None
        assert jobs.resume_job(job.pk) is None
        assert run(job).result == "approved"


def test_a_pause_of_a_job_that_was_cancelled_meanwhile_is_its_end() -> None:
    def rest(ctx: JobContext) -> Park:
        jobs.cancel_job(ctx.key, actor=BOB)
        return Park(until=timezone.now() + timedelta(hours=1))

    with kind(rest):
        assert run(start()).state == "cancelled"


def test_a_job_put_back_by_a_stop_is_not_late_however_long_nothing_runs() -> None:
    with kind(lambda ctx: "done", seconds=60.0):
        job = start()
        assert perform(job.pk, signals=Signals(stopping=True))
        Job.objects.filter(deadline__isnull=False).update(deadline=timezone.now() - timedelta(hours=1))
        assert end_overdue() == 0
        job = run(job)

    assert (job.state, job.attempts, job.result) == ("succeeded", 1, "done")


def test_a_pause_needs_an_end() -> None:
    with pytest.raises(ValueError, match="until"):
        Park()


def test_what_cannot_be_stored_is_made_storable() -> None:
    def speak(ctx: JobContext) -> Any:
        ctx.emit("odd", {"nul": "a\x00b", "half": "\ud83d", "nan": math.nan, "when": timedelta(1), "no": {1, 2}})
        return {"inf": math.inf, "list": ["\x00"]}

    with kind(speak):
        job = run(start())
    assert story(job)[2][1]["nul"] == "a\ufffdb"
    assert story(job)[2][1]["nan"] is None
    assert job.result == {"inf": None, "list": ["\ufffd"]}


def test_large_events_are_cut_with_a_mark() -> None:
    def speak(ctx: JobContext) -> None:
        ctx.emit("long", {"stream": "out", "text": "é" * 100_000})
        ctx.emit("many", [0] * 100_000)

    with kind(speak):
        job = run(start())
    _, _, (_, text), (_, head), _ = story(job)
    assert (text["stream"], text["cut"], text["bytes"] > 200_000) == ("out", True, True)
    assert 20_000 < len(text["text"]) < 33_000
    assert (head["cut"], head["head"][:5]) == (True, "[0, 0")


def test_after_the_cap_no_more_events_are_kept(settings: Settings) -> None:
    settings.CLAW_JOB_EVENTS = 10
    job = run(start("selftest", events=50, pause=0))

    assert (job.state, job.result) == ("succeeded", {"events": 50, "echo": "", "attempt": 1})
    assert [name for name, _ in story(job)][-3:] == ["line", "cut", "end"]
    assert job.last_seq == 11


def test_after_so_many_bytes_no_more_events_are_kept(settings: Settings) -> None:
    settings.CLAW_JOB_EVENT_BYTES = 10_000
    job = run(start("selftest", events=50, pause=0, size=1000))

    assert job.state == "succeeded"
    assert [name for name, _ in story(job)] == ["state", "state", *["line"] * 9, "cut", "end"]


@pytest.mark.parametrize("name", ["state", "end", "cut", "", "x" * 65])
def test_the_systems_own_kinds_of_event_are_refused(name: str) -> None:
    errors: list[str] = []

    def speak(ctx: JobContext) -> None:
        try:
            ctx.emit(name)
        except ValueError as error:
            errors.append(str(error))

    with kind(speak):
        run(start())
    assert len(errors) == 1


def test_the_process_beats_while_synchronous_code_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("runbooks.watch.LOOK_SECONDS", 0.05)
    monkeypatch.setattr("runbooks.watch.BEAT_SECONDS", 0.05)
    beaten = threading.Event()

    def block(ctx: JobContext) -> None:
        first = Process.objects.get(role="job").beat_at
        while not beaten.is_set():
            if Process.objects.get(role="job").beat_at > first:
                beaten.set()
            time.sleep(0.02)

    with kind(block, seconds=20):
        assert run(start()).state == "succeeded"
    assert connection.connection is not None


def test_a_job_goes_on_with_the_trace_it_was_ordered_in() -> None:
    found: list[dict[str, str]] = []

    def look(_: JobContext) -> None:
        found.append(ids())

    with kind(look) as name:
        with trace("message", trace_id="00000000000000ab"):
            ordered = start(name)
        alone = start(name)
        run(ordered)
        run(alone)
    assert (ordered.trace_id, alone.trace_id) == ("00000000000000ab", "")
    assert found[0] == {"trace_id": "00000000000000ab", "job": ordered.key}
    assert found[1]["job"] == alone.key
    assert ids() == {}
