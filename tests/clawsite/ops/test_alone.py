"""Roles without the supervisor, as other supervisors run them, and everything on PostgreSQL."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import psycopg
import pytest

from tests.clawsite.running import ROOT, Running, until, up
from tests.engine import servers_of
from tests.ports import free_port
from tests.servers.services import PostgresService
from tests.template import put_empty

pytestmark = pytest.mark.faults


@contextmanager
def alone(role: str, home: Path, port: int) -> Iterator[subprocess.Popen[str]]:
    clean = {key: value for key, value in os.environ.items() if not key.startswith(("CLAW_", "DJANGO_"))}
    process = subprocess.Popen(
        [sys.executable, "manage.py", role],
        cwd=ROOT,
        env={**clean, **servers_of(home), "CLAW_HOME": str(home), "CLAW_PORT": str(port)},
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A state directory whose database exists, made by a supervisor that found nothing there."""
    home = tmp_path_factory.mktemp("home")
    running = Running(home, **put_empty(home))
    try:
        running.wait_ready()
        assert running.stop() == 0
    finally:
        running.process.kill()
        running.process.wait(10)
    return home


@pytest.mark.parametrize("role", ["web", "bots", "worker"])
def test_a_role_runs_alone_and_stops_when_told(prepared: Path, role: str) -> None:
    with alone(role, prepared, free_port()) as process:
        assert process.stderr is not None
        lines = iter(process.stderr.readline, "")
        assert any(f"{role} runs" in line for line in lines)
        family = psutil.Process(process.pid).children(recursive=True)
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
        _, alive = psutil.wait_procs(family, timeout=30)
        assert alive == []


def test_the_cluster_dies_with_a_killed_worker(prepared: Path) -> None:
    with alone("worker", prepared, free_port()) as process:
        family = until(
            lambda: len(found := psutil.Process(process.pid).children(recursive=True)) == 4 and found,
            seconds=30,
            what="the cluster runs",
        )
        process.kill()
        _, alive = psutil.wait_procs(family, timeout=30)
        assert alive == []


def test_web_alone_says_when_its_port_is_taken(prepared: Path) -> None:
    port = free_port()
    with alone("web", prepared, port) as first:
        assert first.stderr is not None
        assert any("web runs" in line for line in iter(first.stderr.readline, ""))
        with alone("web", prepared, port) as second:
            assert second.wait(30) == 1
            assert second.stderr is not None
            assert (
                f"Cannot listen on 127.0.0.1:{port}: Address already in use. Set CLAW_PORT to a free port."
                in second.stderr.read()
            )


@pytest.mark.services
def test_everything_runs_on_postgresql_and_survives_kills(tmp_path: Path, postgres_service: PostgresService) -> None:
    with psycopg.connect(postgres_service.url(), autocommit=True) as connection:
        connection.execute("CREATE DATABASE supervised")
    url = postgres_service.url("supervised")
    with up(tmp_path / "home", DATABASE_URL=url) as running:
        for role in ("bots", "web", "worker"):
            kill_and_wait(running, role)
        assert running.stop() == 0


def kill_and_wait(running: Running, role: str) -> None:
    old = running.pid(role)
    os.kill(old, signal.SIGKILL)
    running.wait_replaced(role, old, seconds=60)
