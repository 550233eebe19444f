"""The real services that tests start: they answer, die and come back."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from pathlib import Path

import psutil
import psycopg
import pytest
import redis

from tests import programs
from tests.servers.services import EmulatorProcess, PostgresService, RedisService, Service, ServiceError, answers


@pytest.mark.services
def test_redis_loses_everything_when_killed(redis_service: RedisService) -> None:
    with redis.Redis.from_url(redis_service.url) as client:
        client.set("key", "value")
        redis_service.kill()
        assert not answers(redis_service.port)
        redis_service.start()
        assert client.get("key") is None


@pytest.mark.services
def test_redis_can_be_frozen(redis_service: RedisService) -> None:
    redis_service.freeze()
    with redis.Redis.from_url(redis_service.url, socket_timeout=0.2) as hasty, pytest.raises(redis.TimeoutError):
        hasty.ping()
    redis_service.thaw()
    with redis.Redis.from_url(redis_service.url) as client:
        assert client.ping()


@pytest.mark.services
def test_postgres_keeps_what_was_committed(postgres_service: PostgresService) -> None:
    with psycopg.connect(postgres_service.url(), autocommit=True) as connection:
        connection.execute("DROP TABLE IF EXISTS kept")
        connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
        connection.execute("CHECKPOINT")
    postgres_service.kill()
    postgres_service.start()
    with psycopg.connect(postgres_service.url()) as connection:
        assert connection.execute("SELECT answer FROM kept").fetchone() == (42,)
        assert connection.execute("SHOW fsync").fetchone() == ("off",)


def test_what_does_not_start_says_why() -> None:
    class Broken(Service):
        name = "broken"

        def command(self) -> list[str]:
            return [sys.executable, "-c", "raise SystemExit('no luck today')"]

    broken = Broken()
    with pytest.raises(ServiceError, match="broken did not start: no luck today"):
        broken.start()
    broken.remove()
    assert not broken.directory.exists()


@pytest.mark.faults
def test_services_die_with_the_run(tmp_path: Path) -> None:
    source = (
        "from tests.servers.services import EmulatorProcess\n"
        "import os, signal\n"
        "service = EmulatorProcess('telegram'); service.start()\n"
        "print(service.process.pid, flush=True)\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    root = Path(programs.__file__).parents[1]
    environment = {"PYTHONPATH": str(root), "TMPDIR": str(tmp_path), "PATH": "/usr/bin:/bin"}
    command = [sys.executable, "-c", source]
    done = subprocess.run(command, capture_output=True, text=True, timeout=90, check=False, env=environment)
    with contextlib.suppress(psutil.NoSuchProcess):
        psutil.Process(int(done.stdout)).wait(timeout=30)


def test_missing_programs_skip_and_fail_in_ci(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(programs, "find_program", lambda name: None)
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(pytest.skip.Exception, match="apt-get install redis-server"):
        programs.need_program("redis-server")
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="apt-get install redis-server"):
        programs.need_program("redis-server")


def test_an_emulator_stops_when_told() -> None:
    with EmulatorProcess.running("messages", "--text", "hello") as process:
        assert answers(process.port)
        running = process.process
        assert running is not None
        process.stop()
        assert running.returncode == 0
