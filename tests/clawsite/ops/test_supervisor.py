"""The supervisor against real accidents: kills, freezes, orphans. Nothing here is simulated."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest
from websockets.asyncio.client import connect
from websockets.typing import Origin

from clawsite.core import nudge
from tests.clawsite.running import ROOT, Running, until, up
from tests.faults.store import Store

pytestmark = pytest.mark.faults


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with up(tmp_path_factory.mktemp("up"), CLAW_HANG_SECONDS="3", CLAW_LEASE_SECONDS="60") as started:
        yield started


@pytest.mark.parametrize("role", ["web", "bots", "worker"])
def test_a_killed_role_is_back_within_seconds(running: Running, role: str) -> None:
    old = running.pid(role)
    begun = time.monotonic()
    os.kill(old, signal.SIGKILL)
    running.wait_replaced(role, old, seconds=15)
    assert time.monotonic() - begun < 15
    assert f"{role} (pid {old}) died of signal 9" in running.log.read_text()


def test_requests_wait_while_web_is_replaced(running: Running) -> None:
    old = running.pid("web")
    os.kill(old, signal.SIGKILL)
    assert running.get("/healthz", seconds=60) == (200, "ok\n")


def test_a_frozen_role_is_killed_and_replaced(running: Running) -> None:
    old = running.pid("bots")
    os.kill(old, signal.SIGSTOP)
    running.wait_replaced("bots", old, seconds=60)
    assert f"bots (pid {old}) hangs" in running.log.read_text()
    assert not psutil.pid_exists(old)


def whole_cluster(leader: int) -> list[psutil.Process]:
    """Wait until a worker, which is told of before its cluster stands, has all of it; return that."""

    def look() -> list[psutil.Process]:
        found = psutil.Process(leader).children(recursive=True)
        return found if len(found) == 4 else []

    return until(look, seconds=60, what="the cluster is whole")  # type: ignore[no-any-return]


def test_a_cluster_that_lost_any_process_is_replaced_as_a_whole(running: Running) -> None:
    for number in range(4):  # sentinel, worker, monitor, pusher: the idle ones too
        leader = running.pid("worker")
        children = whole_cluster(leader)
        children[number].kill()
        running.wait_replaced("worker", leader, seconds=90)
        _, alive = psutil.wait_procs(children, timeout=30)
        assert alive == []
    assert "of the cluster is gone" in running.log.read_text()


def test_a_cluster_in_which_no_task_runs_is_replaced(tmp_path: Path) -> None:
    with up(tmp_path / "home") as running:
        leader = running.pid("worker")
        cluster = whole_cluster(leader)
        sign = running.home / "run" / f"canary.{leader}"
        for process in cluster:
            process.suspend()  # nothing can run, though nobody is dead
        os.utime(sign, (time.time() - 600, time.time() - 600))
        running.wait_replaced("worker", leader, seconds=60)
        assert "no task has run for" in running.log.read_text()
        assert not sign.exists()


def test_a_dead_process_loses_its_leases_within_a_second(running: Running) -> None:
    store = Store(running.home)

    def owners() -> set[int | None]:
        sql = "SELECT p.pid FROM core_lease l LEFT JOIN core_process p ON p.id = l.owner_id WHERE l.name LIKE %s"
        return {pid for (pid,) in store.rows(sql, "send:%")}

    def let_go() -> float:
        """Kill the sender, and return how long its lease was kept."""
        until(lambda: owners() == {running.pids().get("bots")}, seconds=60, what="the sender's lease is taken")
        old = running.pid("bots")
        begun = time.monotonic()
        os.kill(old, signal.SIGKILL)
        until(lambda: old not in owners(), seconds=50, what="the lease is let go")
        took = time.monotonic() - begun
        running.wait_replaced("bots", old, seconds=60)
        return took

    assert any(let_go() < 1.0 for _ in range(3)), (
        "a machine is late once, a lease that only runs out is late every time"
    )


async def test_open_sockets_are_told_of_the_end(tmp_path: Path) -> None:
    with up(tmp_path / "home") as running:
        address = f"127.0.0.1:{running.port}"
        async with httpx.AsyncClient() as browser:
            page = await browser.get(f"http://{address}/chat/")
        cookies = "; ".join(f"{name}={value}" for name, value in page.cookies.items())
        async with connect(
            f"ws://{address}/chat/socket",
            origin=Origin(f"http://{address}"),
            additional_headers={"Cookie": cookies},
        ) as socket:
            await asyncio.to_thread(
                until, lambda: '"sockets": 1' in running.get("/health")[1], seconds=60, what="the socket is known"
            )
            running.process.send_signal(signal.SIGTERM)
            await asyncio.wait_for(socket.wait_closed(), 60)
        assert socket.close_code == 1012
        assert await asyncio.to_thread(running.process.wait, 60) == 0


def test_a_second_supervisor_is_turned_away(running: Running) -> None:
    clean = {key: value for key, value in os.environ.items() if not key.startswith("CLAW_")}
    second = subprocess.run(
        [sys.executable, "manage.py", "up"], cwd=ROOT, env={**clean, "CLAW_HOME": str(running.home)},
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert second.returncode == 1
    assert f"clawsite already runs here (pid {running.process.pid})" in second.stderr


def test_a_killed_supervisor_leaves_no_orphans_and_another_can_start(tmp_path: Path) -> None:
    with up(tmp_path / "home") as first:
        whole_cluster(first.pid("worker"))
        family = first.family()
        assert len(family) == 7
        first.process.kill()
        first.process.wait(10)
        _, alive = psutil.wait_procs(family, timeout=30)
        assert alive == [], [process.cmdline() for process in alive]
        with up(tmp_path / "home") as second:
            assert second.get("/readyz")[0] == 200


def test_the_next_supervisor_kills_a_frozen_orphan(tmp_path: Path) -> None:
    with up(tmp_path / "home", CLAW_DRAIN_SECONDS="1") as first:
        frozen = psutil.Process(first.pid("bots"))
        frozen.suspend()
        first.process.kill()
        first.process.wait(10)
        with up(tmp_path / "home", CLAW_DRAIN_SECONDS="1"):
            until(lambda: not frozen.is_running(), seconds=60, what="the frozen orphan is gone")
        told = first.log.read_text()
        assert told.index("going on until the next one is here") < told.index("web stopped")


def test_sigterm_ends_everything_in_time(tmp_path: Path) -> None:
    with up(tmp_path / "home") as running:
        family = running.family()
        begun = time.monotonic()
        assert running.stop() == 0
        assert time.monotonic() - begun < 15
        assert [process for process in family if process.is_running()] == []
        assert not list(nudge._directory(tmp_path / "home" / "run").iterdir())


def test_a_frozen_role_does_not_hold_up_the_end(tmp_path: Path) -> None:
    with up(tmp_path / "home", CLAW_DRAIN_SECONDS="2") as running:
        os.kill(running.pid("worker"), signal.SIGSTOP)
        family = running.family()
        begun = time.monotonic()
        assert running.stop() == 1
        assert time.monotonic() - begun < 10
        _, alive = psutil.wait_procs(family, timeout=30)
        assert alive == []


def test_a_taken_port_is_told_at_once(tmp_path: Path, running: Running) -> None:
    clean = {key: value for key, value in os.environ.items() if not key.startswith("CLAW_")}
    second = subprocess.run(
        [sys.executable, "manage.py", "up"],
        cwd=ROOT, env={**clean, "CLAW_HOME": str(tmp_path), "CLAW_PORT": str(running.port)},
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert second.returncode == 1
    assert f"Cannot listen on 127.0.0.1:{running.port}" in second.stderr
