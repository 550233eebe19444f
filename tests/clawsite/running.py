"""`manage.py up` in a state directory of its own, on a free port, for tests that hurt it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil

from tests.ports import free_port
from tests.template import put_database

ROOT = Path(__file__).resolve().parent.parent.parent
START_SECONDS = 60.0


def until(condition: Callable[[], Any], *, seconds: float, what: str) -> Any:
    """Wait until a condition of outside parts holds and return its value."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < deadline, f"not within {seconds:.0f} s: {what}"
        time.sleep(0.05)
    return value


class Running:
    """A supervisor and what tests want to know of it."""

    def __init__(self, home: Path, *arguments: str, **environment: str) -> None:
        self.home = home
        self.port = free_port()
        self.log = home / "up.log"
        home.mkdir(parents=True, exist_ok=True)
        clean = {key: value for key, value in os.environ.items() if not key.startswith(("CLAW_", "DJANGO_"))}
        own = {"CLAW_HOME": str(home), "CLAW_PORT": str(self.port), "CLAW_SELF_ALERTS": "no"}
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "manage.py", "up", *arguments],
                cwd=ROOT,
                env=clean | own | environment,
                stdout=log,
                stderr=log,
            )

    def get(self, path: str, *, seconds: float = 5.0, **headers: str) -> tuple[int, str]:
        """Ask web; status 0 when there is no answer in time."""
        names = {key.replace("_", "-"): value for key, value in headers.items()}
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", headers=names)
        try:
            with urllib.request.urlopen(request, timeout=seconds) as answer:  # noqa: S310
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()
        except (OSError, ValueError):
            return 0, ""

    def wait_ready(self) -> None:
        """Wait until web answers and every role beats."""
        until(lambda: self.get("/readyz")[0] == 200, seconds=START_SECONDS, what=f"ready; {self.tail()}")
        until(lambda: len(self.pids()) == 3, seconds=START_SECONDS, what="three roles")

    def pids(self) -> dict[str, int]:
        """Return the pid of each role, as the system itself tells it."""
        status, text = self.get("/health")
        if status != 200:
            return {}
        rows = json.loads(text).get("processes", [])
        return {row["role"]: row["pid"] for row in rows if psutil.pid_exists(row["pid"])}

    def pid(self, role: str) -> int:
        """Wait until a role is told to run, and return its pid."""
        return int(until(lambda: self.pids().get(role), seconds=START_SECONDS, what=f"{role}; {self.tail()}"))

    def family(self) -> list[psutil.Process]:
        """Return every process below the supervisor."""
        return psutil.Process(self.process.pid).children(recursive=True)

    def wait_replaced(self, role: str, old: int, *, seconds: float) -> int:
        """Wait until a role runs as another process, and return its pid."""

        def look() -> int | None:
            pid = self.pids().get(role) if self.get("/readyz")[0] == 200 else None
            return pid if pid != old else None

        return int(until(look, seconds=seconds, what=f"{role} again; {self.tail()}"))

    def tail(self) -> str:
        """Return the end of the log."""
        return self.log.read_text(encoding="utf-8", errors="replace")[-3000:]

    def stop(self) -> int:
        """Stop it as an operator would, and return the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(30)


@contextmanager
def up(home: Path, *arguments: str, **environment: str) -> Iterator[Running]:
    """Run `manage.py up` until ready, on a database that is there; afterwards leave no process of it behind."""
    servers = {} if "DATABASE_URL" in environment else put_database(home)
    running = Running(home, *arguments, **servers | environment)
    family: list[psutil.Process] = []
    try:
        running.wait_ready()
        family = running.family()
        yield running
    finally:
        if running.process.poll() is None:
            family += running.family()
            running.process.kill()
            running.process.wait(10)
        for process in family:
            if process.is_running():
                process.kill()
