"""The reaper: what a dead process left, what nobody was told of, what is late; and retention."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db import OperationalError
from django.utils import timezone
from pytest_django import Settings

from clawsite.core.models import Lease, Process
from clawsite.core.process import register_process
from clawsite.core.queue import count_waiting
from runbooks import jobs
from runbooks.jobs.events import move
from runbooks.models import Job, JobEvent, ScheduleRun
from runbooks.reaper import MAX_ATTEMPTS, _Calm, reap, wake_due
from runbooks.retention import clean_jobs, clean_runs
from runbooks.runner import _claim, _record, _returned
from runbooks.schedules import run_now, save_schedule
from tests.runbooks.people import ALICE, BOB
from tests.runbooks.running import kind, run, start, story
from tests.runbooks.test_schedules import schedule

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def worker() -> Process:
    """The worker role of another machine."""
    return Process.objects.create(role="worker", host="elsewhere", pid=1, started=1)


@pytest.fixture(autouse=True)
def a_kind() -> Iterator[None]:
    with kind(lambda ctx: None, repeatable=True):
        yield


def begin(job: Job) -> Job:
    """Take a job and let its process die."""
    claimed = _claim(job.pk)
    assert claimed is not None
    found, process_id = claimed
    Process.objects.filter(pk=process_id).update(pid=2**22 + job.pk)
    return found


def test_what_a_dead_process_left_goes_back_and_is_run(worker: Process) -> None:
    job = begin(start())
    reap(worker.pk)

    job.refresh_from_db()
    assert (job.state, job.attempts) == ("queued", 1)
    assert ("state", {"state": "queued", "reason": "interrupted"}) in story(job)
    job = run(job)
    assert (job.state, job.attempts) == ("succeeded", 2)


def test_the_dead_one_cannot_write_any_more(worker: Process) -> None:
    old = begin(start())
    reap(worker.pk)
    _record(old, old.token, 0, _returned("late"))

    assert Job.objects.get().state == "queued"
    new = _claim(old.pk)
    assert new is not None
    _record(old, old.token, 0, _returned("late"))
    assert Job.objects.get().state == "running"
    assert new[0].token > old.token


def test_what_must_not_be_repeated_fails_unless_it_may_go_on(worker: Process) -> None:
    with kind(lambda ctx: None, name="once", repeatable=False):
        lost, saved = begin(start("once")), begin(start("once"))
        Job.objects.filter(pk=saved.pk).update(may_resume=True, saved={"step": 3})
        reap(worker.pk)

    lost.refresh_from_db()
    saved.refresh_from_db()
    assert (lost.state, lost.error[:11]) == ("failed", "Interrupted")
    assert (saved.state, saved.saved) == ("queued", {"step": 3})


def test_it_is_given_up_after_five_deaths(worker: Process) -> None:
    job = start()
    for _ in range(MAX_ATTEMPTS):
        begin(job)
        reap(worker.pk)

    job.refresh_from_db()
    assert (job.state, job.error) == ("failed", "Given up: its process died 5 times.")
    assert [name for name, _ in story(job)].count("end") == 1


def test_a_cancelled_job_whose_process_died_is_cancelled(worker: Process) -> None:
    job = begin(start())
    jobs.cancel_job(job.key, actor=BOB)
    reap(worker.pk)

    job.refresh_from_db()
    assert job.state == "cancelled"


def test_a_living_process_keeps_its_job_and_a_silent_one_loses_it(
    worker: Process, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    _Calm.note(failed=True)
    job = start()
    claimed = _claim(job.pk)
    assert claimed is not None
    Process.objects.filter(pk=claimed[1]).update(host="elsewhere")
    reap(worker.pk)
    job.refresh_from_db()
    assert job.state == "running"

    silent = timezone.now() - timedelta(seconds=settings.CLAW_LEASE_SECONDS + 1)
    Process.objects.filter(pk=claimed[1]).update(beat_at=silent)
    reap(worker.pk)
    job.refresh_from_db()
    assert job.state == "running"  # perhaps nobody could beat, as long as this worker has not looked for a while

    monkeypatch.setattr("runbooks.reaper.CALM_SECONDS", 0.0)
    reap(worker.pk)
    job.refresh_from_db()
    assert job.state == "queued"


def test_workers_are_told_again_of_what_they_did_not_begin(worker: Process) -> None:
    job = start()
    reap(worker.pk)
    assert count_waiting() == 1  # told a moment ago

    Job.objects.filter(pk=job.pk).update(sent_at=timezone.now() - timedelta(seconds=30))
    for _ in range(2):
        reap(worker.pk)
    assert count_waiting() == 2

    Job.objects.filter(pk=job.pk).update(sent_at=None)  # found no room
    reap(worker.pk)
    assert count_waiting() == 3


def test_no_more_are_called_than_there_is_room_for(worker: Process, settings: Settings) -> None:
    settings.CLAW_JOBS = 3
    for _ in range(5):
        start()
    Job.objects.update(sent_at=None)
    register_process("job")
    reap(worker.pk)

    assert Job.objects.filter(sent_at=None).count() == 3


def test_who_has_much_done_holds_up_nobody_else(worker: Process, settings: Settings) -> None:
    """Bob's program has ordered six jobs, of which one runs; then come two of Alice's."""
    settings.CLAW_JOBS = 4
    bobs = [start() for _ in range(6)]
    assert _claim(bobs[0].pk) is not None
    alices = [jobs.create_job("test", params={}, actor=ALICE, start=True) for _ in range(2)]
    Job.objects.filter(state="queued").update(sent_at=None)

    assert wake_due() == 3

    told = Job.objects.filter(state="queued", sent_at__isnull=False)
    assert set(told.values_list("pk", flat=True)) == {bobs[1].pk, *(job.pk for job in alices)}


def test_parked_jobs_are_called_when_they_are_due(worker: Process) -> None:
    job = start()
    Job.objects.filter(pk=job.pk).update(sent_at=None, not_before=timezone.now() + timedelta(seconds=60))
    reap(worker.pk)
    assert count_waiting() == 1

    Job.objects.filter(pk=job.pk).update(not_before=timezone.now())
    reap(worker.pk)
    assert count_waiting() == 2


@pytest.mark.parametrize("state", ["queued", "running", "waiting_approval"])
def test_what_is_beyond_its_deadline_is_ended(worker: Process, state: str) -> None:
    job = start()
    past = timezone.now() - timedelta(seconds=60)
    Job.objects.filter(pk=job.pk).update(state=state, deadline=past)
    reap(worker.pk)

    job.refresh_from_db()
    assert (job.state, job.error) == ("timed_out", "Its time was over.")


@pytest.mark.parametrize("host", ["", "elsewhere"])
def test_the_time_without_power_is_not_the_time_of_a_job(
    worker: Process, monkeypatch: pytest.MonkeyPatch, host: str
) -> None:
    """Two hours pass, after which a container has another name than the one that died."""
    _Calm.note(failed=True)
    job = begin(start())
    assert job.deadline is not None
    now, left, hours = timezone.now(), job.deadline - timezone.now(), timedelta(hours=2)
    Job.objects.filter(pk=job.pk).update(deadline=job.deadline - hours)
    Lease.objects.filter(name=job.lease).update(taken_at=now - hours - timedelta(seconds=60))
    owner = Process.objects.filter(leases__name=job.lease)
    Process.objects.filter(pk=owner.get().pk).update(beat_at=now - hours, **({"host": host} if host else {}))
    reap(worker.pk)
    monkeypatch.setattr("runbooks.reaper.CALM_SECONDS", 0.0)
    reap(worker.pk)

    job.refresh_from_db()
    assert (job.state, job.attempts) == ("queued", 1)
    assert abs(job.deadline - now - left) < timedelta(seconds=30)
    assert run(job).state == "succeeded"


def test_a_job_whose_process_lived_beyond_its_time_is_out_of_it(worker: Process) -> None:
    job = begin(start())
    Job.objects.filter(pk=job.pk).update(deadline=timezone.now() - timedelta(seconds=1))
    reap(worker.pk)

    job.refresh_from_db()
    assert (job.state, job.error) == ("timed_out", "Its time was over.")


def test_one_broken_step_does_not_stop_the_others(worker: Process, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> None:
        raise RuntimeError("broken")

    monkeypatch.setattr("runbooks.reaper.void_dead_local_processes", fail)
    monkeypatch.setattr("runbooks.reaper.take_up_left", fail)
    start()
    Job.objects.update(sent_at=None)
    reap(worker.pk)

    assert count_waiting() == 2


@pytest.mark.parametrize(("error", "state"), [(RuntimeError, "queued"), (OperationalError, "running")])
def test_a_silent_process_loses_its_jobs_though_a_step_is_broken_unless_that_is_the_database(
    worker: Process, monkeypatch: pytest.MonkeyPatch, error: type[Exception], state: str
) -> None:
    def fail() -> None:
        raise error("broken")

    now = time.monotonic()
    monkeypatch.setattr(_Calm, "since", now - 60)
    monkeypatch.setattr(_Calm, "last", now)
    monkeypatch.setattr("runbooks.reaper.tick", fail)
    reap(worker.pk)
    job = begin(start())
    past = timezone.now() - timedelta(hours=8)
    Process.objects.filter(leases__name=job.lease).update(beat_at=past, host="gone")
    reap(worker.pk)

    job.refresh_from_db()
    assert job.state == state


def test_a_gap_or_an_error_ends_the_calm(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_Calm, "since", 0.0)
    _Calm.note(failed=False)
    monkeypatch.setattr(_Calm, "since", _Calm.last - 60)
    assert _Calm.is_calm()
    _Calm.note(failed=True)
    assert not _Calm.is_calm()
    monkeypatch.setattr(_Calm, "since", _Calm.last - 60)
    monkeypatch.setattr(_Calm, "last", _Calm.last - 30)
    _Calm.note(failed=False)
    assert not _Calm.is_calm()


def test_an_end_is_final() -> None:
    job = jobs.cancel_job(start().key, actor=BOB)
    for source in ("queued", "running", "waiting_approval", "created"):
        assert move(job.pk, source=[source], to="queued") is None


def test_old_jobs_go_with_their_events_and_others_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("runbooks.retention.EVENTS_AT_ONCE", 2)
    old, new, waiting = run(start("selftest", pause=0)), run(start("selftest", pause=0)), start()
    unstarted = jobs.create_job("selftest", actor=BOB)
    long_ago = timezone.now() - timedelta(days=31)
    Job.objects.filter(pk=old.pk).update(ended_at=long_ago)
    Job.objects.filter(pk__in=[unstarted.pk, waiting.pk]).update(created_at=long_ago)

    assert clean_jobs(seconds=0) == 0
    assert clean_jobs() == 2
    assert set(Job.objects.values_list("pk", flat=True)) == {new.pk, waiting.pk}
    assert not JobEvent.objects.filter(job_id=old.pk).exists()


def test_old_runs_of_schedules_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("runbooks.retention.BATCH", 1)
    row = save_schedule(schedule(), actor=BOB)
    for _ in range(3):
        run_now(row, actor=BOB)
    newest = ScheduleRun.objects.latest("pk")
    ScheduleRun.objects.exclude(pk=newest.pk).update(at=timezone.now() - timedelta(days=91))

    assert clean_runs(seconds=0) == 0
    assert clean_runs() == 2
    assert ScheduleRun.objects.get() == newest
