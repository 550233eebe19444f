"""Jobs in the real worker while its processes are killed: each job ends exactly once, and never runs twice at once."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import psutil
import pytest

from tests.clawsite.running import until
from tests.fixtures.reached import Figure, Reached
from tests.runbooks.ledger import overlaps, read
from tests.runbooks.plant import Plant, plant

pytestmark = [pytest.mark.faults, pytest.mark.paired, pytest.mark.timeout(400)]

PARTS = ("worker", "sentinel", "monitor", "pusher", "parent")
# A run this long is no part of a crash loop, after which the supervisor waits.
AGE = 5.5
# The first of three jobs still runs when the last one has begun, also beside a storm.
BUSY_SECONDS = 5.0
# None of a cluster's processes outlives the loss of one of them for so long.
ORPHAN_SECONDS = 10.0
# And after so long jobs are done again.
BACK_SECONDS = 30.0
LATE_SECONDS = 5


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Plant]:
    with plant(tmp_path_factory.mktemp("plant"), CLAW_LEASE_SECONDS="10") as made:
        yield made


def moment(value: object) -> datetime:
    """Return a time as either engine tells it, text or not."""
    return datetime.fromisoformat(str(value))


@pytest.mark.parametrize("part", PARTS)
def test_a_busy_cluster_loses_a_process(running: Plant, part: str) -> None:
    role = running.wait_role(age=AGE)
    keys = running.start("ledger", 3, seconds=BUSY_SECONDS)
    running.wait_running(3)

    running.cluster(role)[part].kill()

    running.wait_states(keys, "succeeded")
    assert running.ends(keys) == [1, 1, 1]
    assert overlaps(running.ledger) == []
    running.wait_role(other_than=role.pid)


@pytest.mark.parametrize("part", PARTS)
def test_an_idle_cluster_loses_a_process(running: Plant, part: str, reached: Reached) -> None:
    role = running.wait_role(age=AGE)
    parts = running.cluster(role)
    begun = time.monotonic()
    parts[part].kill()

    _, orphans = psutil.wait_procs(parts.values(), timeout=ORPHAN_SECONDS)
    assert orphans == []
    gone = time.monotonic() - begun
    keys = running.start("ledger", 3, seconds=0.1)

    running.wait_states(keys, "succeeded", seconds=BACK_SECONDS - gone)
    back = time.monotonic() - begun
    assert running.ends(keys) == [1, 1, 1]
    assert overlaps(running.ledger) == []
    running.wait_role(other_than=role.pid)
    orphans_gone = Figure("all of the old ones gone after", gone, "s", ORPHAN_SECONDS)
    reached(2, f"the {part} killed", orphans_gone, Figure("jobs done again after", back, "s", BACK_SECONDS))


def test_a_job_loses_its_process(running: Plant) -> None:
    role = running.wait_role()
    again, once = running.start_all(("ledger", 1, {"seconds": 8.0, "child": True}), ("ledger-once", 1, {"seconds": 30}))
    running.wait_running(2)
    until(lambda: {again, once} <= set(read(running.ledger)), seconds=60, what="both run")
    children = [child for runner in running.runners() for child in runner.children()]

    for runner in running.runners():
        runner.kill()

    running.wait_states([once], "failed", seconds=60)
    running.wait_states([again], "succeeded", seconds=60)
    assert running.ends([again, once]) == [1, 1]
    assert len(read(running.ledger)[again]) == 2
    assert len(read(running.ledger)[once]) == 1
    assert [child for child in children if child.is_running() and child.status() != psutil.STATUS_ZOMBIE] == []
    assert running.wait_role().pid == role.pid  # nothing else was hurt


@pytest.mark.parametrize("part", ["runner", "worker"])
def test_a_runbook_loses_a_process_and_does_nothing_twice(running: Plant, part: str) -> None:
    role = running.wait_role(age=AGE)
    written = running.home / f"book-{part}"
    (key,) = running.manage("book", order=str(written))
    until(written.exists, seconds=60, what=f"the step is at work; {running.tail()}")

    (running.runners()[0] if part == "runner" else running.cluster(role)[part]).kill()

    running.wait_states([key], "failed", seconds=30)
    assert (written.read_text(), running.ends([key])) == ("x\n", [1])
    assert running.ask("SELECT count(*) FROM runbooks_run WHERE open") == [(0,)]
    # A cluster that has lost its worker is about to be replaced, the other is not.
    running.wait_role(other_than=role.pid if part == "worker" else 0)


def test_a_frozen_process_loses_its_job_and_cannot_end_it(running: Plant) -> None:
    (key,) = running.start("ledger", 1, seconds=5.0)
    running.wait_running(1)
    until(lambda: key in read(running.ledger), seconds=60, what="it runs")
    (frozen,) = running.runners()
    os.kill(frozen.pid, signal.SIGSTOP)

    running.wait_states([key], "succeeded", seconds=90)

    assert running.ends([key]) == [1]
    assert len(read(running.ledger)[key]) == 2
    until(lambda: not psutil.pid_exists(frozen.pid), seconds=20, what="the frozen one is gone")


def test_a_job_that_hears_nothing_is_ended_at_its_limit_and_the_worker_lives(running: Plant) -> None:
    role = running.wait_role()
    (key,) = running.start("ledger-short", 1, seconds=120, deaf=True)

    running.wait_states([key], "timed_out", seconds=60)

    until(lambda: not running.runners(), seconds=60, what="its process is gone")
    assert running.ends([key]) == [1]
    assert running.wait_role().pid == role.pid


def test_a_job_that_kills_its_process_is_given_up_and_others_go_on(running: Plant) -> None:
    role = running.wait_role()
    (deadly,) = running.start("ledger-deadly")
    others = running.start("ledger", 2, seconds=0.1)

    running.wait_states(others, "succeeded")
    running.wait_states([deadly], "failed")
    assert running.ends([deadly, *others]) == [1, 1, 1]
    assert len(read(running.ledger)[deadly]) == 5
    assert running.wait_role().pid == role.pid


def test_a_schedule_that_cannot_be_read_stops_no_other(running: Plant, reached: Reached) -> None:
    running.manage("schedules")

    def fired() -> bool:
        rows = running.ask("SELECT count(*) FROM runbooks_schedulerun WHERE outcome = 'started'")
        return bool(rows[0][0] >= 3)

    until(fired, seconds=20, what=f"three runs; {running.tail()}")
    bad = running.ask("SELECT enabled, error FROM runbooks_schedule WHERE name = 'bad'")
    assert bad == [(0, "Disabled: A cron expression has five fields: minute, hour, day, month and weekday.")]
    times = [map(moment, row) for row in running.ask("SELECT at, due_at FROM runbooks_schedulerun")]
    late = max((at - due).total_seconds() for at, due in times)
    assert late < LATE_SECONDS
    running.manage("unschedule")
    figures = Figure("bad ones switched off", 1), Figure("latest run after its time", late, "s", LATE_SECONDS)
    reached(19, "a row that cannot be read beside good ones", *figures)


def test_a_job_outlives_the_time_limits_of_the_queue(tmp_path: Path) -> None:
    with plant(tmp_path / "home", LEDGER_QUEUE_SECONDS="4") as made:
        role = made.wait_role()
        (key,) = made.start("ledger", 1, seconds=12.0)
        made.wait_states([key], "succeeded", seconds=30)
        assert len(read(made.ledger)[key]) == 1
        assert made.ends([key]) == [1]
        assert made.wait_role().pid == role.pid


def test_more_jobs_than_there_is_room_for_all_run(running: Plant) -> None:
    keys = running.start("ledger", 30, seconds=0.05)

    running.wait_states(keys, "succeeded")

    assert running.ends(keys) == [1] * 30
    assert all(len(read(running.ledger)[key]) == 1 for key in keys)


def test_a_stop_puts_running_jobs_back_and_a_start_finishes_them(tmp_path: Path) -> None:
    with plant(tmp_path / "home") as first:
        keys = first.start("ledger", 2, seconds=8.0)
        first.wait_running(2)
        until(lambda: len(read(first.ledger)) == 2, seconds=60, what="both run")
        first.process.send_signal(signal.SIGTERM)
        assert first.process.wait(30) == 0
        assert set(first.states(keys).values()) == {"queued"}
        assert first.ask("SELECT attempts FROM runbooks_job") == [(0,), (0,)]  # a stop is no failed attempt
    with plant(tmp_path / "home") as second:
        second.wait_states(keys, "succeeded")
        assert second.ends(keys) == [1, 1]
        assert overlaps(second.ledger) == []


def test_jobs_that_wait_for_a_worker_hurt_none_when_they_end(tmp_path: Path) -> None:
    """What the queue's workers fork while the cluster starts is no part of it, so its end is no loss."""
    with plant(tmp_path / "home") as first:
        first.process.send_signal(signal.SIGTERM)
        assert first.process.wait(60) == 0
        keys = first.start("ledger", 2, seconds=1.0)
    with plant(tmp_path / "home") as second:
        role = second.wait_role()
        second.wait_states(keys, "succeeded")
        # Longer than from one look at the cluster to the next.
        (later,) = second.start("ledger", 1, seconds=1.5)
        second.wait_states([later], "succeeded")
        assert second.wait_role().pid == role.pid, second.tail()
