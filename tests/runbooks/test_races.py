"""Many at once: one runs a job, one creates it for a key, one starts what is due, and numbers have no gap."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection, connections
from django.utils import timezone

from clawsite.core.db import with_retry
from runbooks import jobs
from runbooks.jobs import JobContext, Park
from runbooks.jobs.events import add_event, emit
from runbooks.models import Job, JobEvent, ScheduleRun
from runbooks.runner import perform
from runbooks.schedules import save_schedule, tick
from tests.fixtures.reached import Figure, Reached
from tests.runbooks.people import BOB
from tests.runbooks.running import kind, perform_beside, start, story
from tests.runbooks.test_schedules import schedule

pytestmark = pytest.mark.django_db(transaction=True)
MANY = 8


def together(work: Callable[[int], Any]) -> list[Any]:
    """Run the work in many threads that begin at the same moment; return what each returned."""
    barrier = threading.Barrier(MANY)
    found: list[Any] = [None] * MANY

    def run(number: int) -> None:
        try:
            barrier.wait(10)
            found[number] = work(number)
        except Exception as error:
            found[number] = error
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=[number]) for number in range(MANY)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return found


def test_one_of_many_deliveries_runs_a_job() -> None:
    ran: list[str] = []

    def note(ctx: JobContext) -> None:
        ran.append(ctx.key)

    with kind(note):
        job = start()
        found = together(lambda _: perform(job.pk))
    assert found.count(True) == 1, found
    assert ran == [job.key]
    assert [name for name, _ in story(job)] == ["state", "state", "end"]


def test_one_key_is_one_job() -> None:
    made = together(
        lambda _: with_retry(lambda: jobs.create_job("selftest", actor=BOB, idempotency_key="k", start=True))
    )
    assert {job.pk for job in made} == {Job.objects.get().pk}
    assert JobEvent.objects.count() == 1


def test_one_due_time_is_one_job(reached: Reached) -> None:
    row = save_schedule(schedule(), actor=BOB)
    due = row.next_due
    assert due is not None
    together(lambda _: tick(due))
    assert ScheduleRun.objects.count() == Job.objects.count() == 1
    reached(19, f"{MANY} schedulers at once", Figure("runs of one due time", 1, most=1))


def test_one_cancel_is_the_end_and_starts_do_nothing_after_it() -> None:
    job = jobs.create_job("selftest", actor=BOB)
    together(
        lambda n: with_retry(lambda: (jobs.cancel_job if n % 2 else jobs.start_job)(job.key, actor=BOB)),
    )
    job.refresh_from_db()
    assert job.state == "cancelled"
    assert [name for name, _ in story(job)].count("end") == 1


def test_a_cancel_is_not_lost_on_a_job_that_parks_at_that_moment() -> None:
    begun, may_park = threading.Event(), threading.Event()

    def park(ctx: JobContext) -> Park:
        begun.set()
        assert may_park.wait(10)
        return Park(until=timezone.now())

    updates: list[str] = []

    def let_it_park(execute: Callable[..., Any], sql: str, *rest: Any) -> Any:
        """Between the look whether the job is idle and the one whether it runs, let it go from one to the other."""
        if sql.startswith('UPDATE "runbooks_job"'):
            updates.append(sql)
            if len(updates) == 2:
                may_park.set()
                worker.join(1.0)  # to its end, or as far as it comes while the job is locked
        return execute(sql, *rest)

    with kind(park):
        job = start()
        worker = threading.Thread(target=perform_beside, args=[job.pk])
        worker.start()
        assert begun.wait(10)
        with connection.execute_wrapper(let_it_park):
            jobs.cancel_job(job.key, actor=BOB)
        worker.join(30)
    job.refresh_from_db()
    assert (job.state, len(updates) > 1) == ("cancelled", True)


def test_events_of_many_have_every_number_once() -> None:
    job = start("selftest")
    Job.objects.filter(pk=job.pk).update(state="running", token=7)

    def write(number: int) -> None:
        for _ in range(5):
            if number % 2:
                with_retry(lambda: emit(job.pk, job.key, token=7, kind="line", data={"from": number}))
            else:
                with_retry(lambda: add_event(job.pk, "line", {"from": number}))

    assert together(write) == [None] * MANY
    assert len(story(job)) == 1 + MANY * 5
