"""A whole installation of the product in a state directory of its own: killed, started again, and read from outside."""

from __future__ import annotations

import contextlib
import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil

from tests.clawsite.running import until
from tests.faults.stack import Program
from tests.faults.store import Store
from tests.ports import free_port

TOKEN = "token-of-the-far-installation-0123456789"
START_SECONDS = 60.0
OWN = ("sent", "moved", "note", "state")


class Installation(Program):
    """One with some of the roles; `url` is its gateway's."""

    def __init__(self, home: Path, roles: str, **environment: str) -> None:
        self.port = free_port()
        self.url = f"ws://127.0.0.1:{self.port}"
        self.roles = roles
        home.mkdir(parents=True, exist_ok=True)
        settings = {"CLAW_PORT": str(self.port), "CLAW_GATEWAY_TOKEN": TOKEN, **environment}
        super().__init__(home, settings, "up", "--roles", roles)

    def ask(self, sql: str, *params: Any) -> list[Any]:
        """Read from the database."""
        return Store(self.home).rows(sql, *params)

    def begin(self) -> None:
        """Start it and wait until its roles are there."""
        self.start()
        until(self._is_up, seconds=START_SECONDS, what=f"{self.roles}; {self.tail()}")

    def _is_up(self) -> bool:
        with contextlib.suppress(*Store.ERRORS):
            return self.pids().keys() >= set(self.roles.split(",")) and ("web" not in self.roles or self._answers())
        return False

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/startupz", timeout=2) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    def pids(self) -> dict[str, int]:
        """Return the pid of each role that lives."""
        rows = self.ask("SELECT role, pid FROM core_process")
        return {role: pid for role, pid in rows if psutil.pid_exists(pid) and self._is_ours(pid)}

    def role_pid(self, role: str) -> int:
        """Wait until a role lives, and return its pid."""
        return int(until(lambda: self.pids().get(role), seconds=START_SECONDS, what=f"{role}; {self.tail()}"))

    def _is_ours(self, pid: int) -> bool:
        return any(process.pid == pid for process in self.family())

    def kill(self) -> None:
        """Kill every process of it at once, as a machine that loses its power."""
        family = self.family()
        for process in family:
            with contextlib.suppress(psutil.Error):
                process.kill()
        psutil.wait_procs(family, timeout=10)
        if self.process is not None:
            self.process.wait(10)

    def shell(self, code: str) -> Any:
        """Run code in it that prints JSON at its end; return that."""
        done = self.manage("shell", "--no-imports", "-c", code)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout.splitlines()[-1])

    def events(self, key: str) -> list[tuple[str, Any]]:
        """Return kind and data of the events of a job."""
        sql = "SELECT e.kind, e.data FROM runbooks_jobevent e JOIN runbooks_job j ON j.id = e.job_id WHERE j.key = %s"
        return [(kind, json.loads(data)) for kind, data in self.ask(f"{sql} ORDER BY e.seq", key)]

    def job(self, key: str, *columns: str) -> Any:
        """Return columns of a job; None when there is no such job."""
        rows = self.ask(f"SELECT {', '.join(columns)} FROM runbooks_job WHERE key = %s", key)  # noqa: S608
        return rows[0] if rows else None


@contextlib.contextmanager
def installation(home: Path, roles: str = "web,worker", **environment: str) -> Iterator[Installation]:
    """Run one; afterwards leave no process of it behind."""
    made = Installation(home, roles, **environment)
    try:
        made.begin()
        yield made
    finally:
        made.kill()


def mirrored(events: list[tuple[str, Any]]) -> list[tuple[str, Any]]:
    """Return of our events those that came from the other side, under their names there."""
    return [(kind.removeprefix("remote."), data) for kind, data in events if kind not in (*OWN, "end")]
