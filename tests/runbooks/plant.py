"""The worker role under its supervisor, with the ledger's kinds, and what tests want to know of its database."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil

from tests.clawsite.running import ROOT, until
from tests.faults.store import Store
from tests.ports import free_port
from tests.template import put_database

# Of a cluster that is whole, the worker role itself among them.
LEAST_PARTS = 4
ENDS = """
SELECT count(*) FROM runbooks_jobevent e JOIN runbooks_job j ON j.id = e.job_id WHERE j.key = %s AND e.kind = 'end'
"""


class Plant:
    """A supervisor with the worker alone."""

    def __init__(self, home: Path, **environment: str) -> None:
        self.home = home
        self.ledger = home / "ledger"
        self.log = home / "up.log"
        home.mkdir(parents=True, exist_ok=True)
        servers = put_database(home)
        self._store = Store(home)
        clean = {key: value for key, value in os.environ.items() if not key.startswith(("CLAW_", "DJANGO_"))}
        self.environment = {
            **clean,
            "CLAW_HOME": str(home),
            "CLAW_PORT": str(free_port()),
            "PYTHONPATH": str(ROOT),
            **servers,
            **environment,
        }
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "tests.runbooks.ledger", "up", "--roles", "worker"],
                cwd=ROOT, env=self.environment, stdout=log, stderr=log,
            )  # fmt: skip

    def ask(self, sql: str, *params: Any) -> list[Any]:
        """Read from the database."""
        return self._store.rows(sql, *params)

    def role(self) -> psutil.Process | None:
        """Return the worker role's process when it is registered and runs."""
        with suppress(*Store.ERRORS, psutil.Error):
            for (pid,) in self.ask("SELECT pid FROM core_process WHERE role = 'worker'"):
                found = psutil.Process(pid)
                if found.is_running() and found.status() != psutil.STATUS_ZOMBIE:
                    return found
        return None

    def wait_role(self, *, other_than: int = 0, age: float = 0.0) -> psutil.Process:
        """Wait for a worker role that has run for a while."""

        def look() -> psutil.Process | None:
            found = self.role()
            with suppress(psutil.Error):
                if found is not None and found.pid != other_than and time.time() - found.create_time() > age:
                    return found if len(self.cluster(found)) > LEAST_PARTS else None
            return None

        return until(look, seconds=60, what=f"a worker; {self.tail()}")  # type: ignore[no-any-return]

    def cluster(self, role: psutil.Process) -> dict[str, psutil.Process]:
        """Return the parts of the cluster by name, in the order in which they are made."""
        found = {"parent": role}
        sentinels = role.children()
        if sentinels:
            found["sentinel"] = sentinels[0]
            parts = sorted(sentinels[0].children(), key=lambda process: (process.create_time(), process.pid))
            found |= dict(zip(("worker", "monitor", "pusher"), parts, strict=False))
        return found

    def runners(self) -> list[psutil.Process]:
        """Return the processes that run jobs."""
        pids = [pid for (pid,) in self.ask("SELECT pid FROM core_process WHERE role = 'job'")]
        found = []
        for pid in pids:
            with suppress(psutil.NoSuchProcess):
                found.append(psutil.Process(pid))
        return found

    def manage(self, *arguments: str, order: str = "") -> list[str]:
        """Run a command that knows the ledger's kinds; return the words it prints."""
        done = subprocess.run(
            [sys.executable, "-m", "tests.runbooks.ledger", *arguments],
            cwd=ROOT, env=self.environment, input=order, capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout.split()

    def start(self, kind: str, count: int = 1, **params: Any) -> list[str]:
        """Create and start jobs, from a process of its own as everybody does; return their keys."""
        return self.start_all((kind, count, params))

    def start_all(self, *orders: tuple[str, int, dict[str, Any]]) -> list[str]:
        """Create and start jobs of several kinds at once."""
        told = [[kind, {"ledger": str(self.ledger), **params}, count] for kind, count, params in orders]
        return self.manage("order", order=json.dumps(told))

    def states(self, keys: list[str]) -> dict[str, str]:
        """Return where jobs stand."""
        marks = ",".join(["%s"] * len(keys))
        return dict(self.ask(f"SELECT key, state FROM runbooks_job WHERE key IN ({marks})", *keys))  # noqa: S608

    def wait_states(self, keys: list[str], wanted: str, *, seconds: float = 60) -> None:
        """Wait until jobs are all in a state."""
        until(
            lambda: set(self.states(keys).values()) == {wanted},
            seconds=seconds,
            what=f"{wanted}: {self.states(keys)}; {self.tail()}",
        )

    def wait_running(self, count: int) -> None:
        """Wait until so many jobs have their process."""
        until(lambda: len(self.runners()) >= count, seconds=60, what=f"{count} running; {self.tail()}")

    def ends(self, keys: list[str]) -> list[int]:
        """Return how often each job was ended."""
        return [self.ask(ENDS, key)[0][0] for key in keys]

    def tail(self) -> str:
        """Return the end of the log."""
        return self.log.read_text(encoding="utf-8", errors="replace")[-3000:]


@contextmanager
def plant(home: Path, **environment: str) -> Iterator[Plant]:
    """Run it until ready; afterwards leave no process of it behind."""
    made = Plant(home, **environment)
    try:
        made.wait_role()
        yield made
    finally:
        family = psutil.Process(made.process.pid).children(recursive=True) if made.process.poll() is None else []
        made.process.send_signal(signal.SIGKILL)
        made.process.wait(10)
        for process in family:
            with suppress(psutil.Error):
                process.kill()
