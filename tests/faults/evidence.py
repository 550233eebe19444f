"""What stood where while a test hurt an installation: a line of JSON every two seconds, to say why something took long.

It only looks: each line is a handful of cheap queries over one connection. Processor time is counted as it was spent by
what lives now and by its children that were buried; what outlived its parent and died elsewhere is missing.
"""

from __future__ import annotations

import contextlib
import json
import resource
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from tests.faults.store import Store

EVERY_SECONDS = 2.0
QUERIES = {
    "inbox": "SELECT state, attempts, count(*) FROM sessions_app_inbox GROUP BY 1, 2 ORDER BY 1, 2",
    "outbox": "SELECT state, count(*), count(*) FILTER (WHERE resent) FROM sessions_app_outbox GROUP BY 1 ORDER BY 1",
    "heads": """
        SELECT lane, attempts, round(extract(epoch FROM not_before - now()), 1)::float,
               round(extract(epoch FROM now() - received_at), 1)::float, error
        FROM sessions_app_inbox WHERE id IN (SELECT min(id) FROM sessions_app_inbox WHERE state = 'new' GROUP BY lane)
    """,
    "leases": """
        SELECT name, role, pid, round(extract(epoch FROM now() - beat_at), 1)::float
        FROM core_lease JOIN core_process ON owner_id = core_process.id ORDER BY name
    """,
    "processes": """
        SELECT role, pid, round(extract(epoch FROM now() - started_at), 1)::float,
               round(extract(epoch FROM now() - beat_at), 1)::float
        FROM core_process ORDER BY role, pid
    """,
    "connections": """
        SELECT coalesce(state, '-'), count(*) FROM pg_stat_activity WHERE datname = current_database() GROUP BY 1
    """,
}


@dataclass(kw_only=True)
class Evidence:
    """Writes lines to a file. `answered`: how many messages have their answer. `parts`: whose processor time counts."""

    store: Store
    path: Path
    answered: Callable[[], int]
    parts: Callable[[], dict[str, list[psutil.Process]]]
    _began: float = field(default_factory=time.monotonic)

    def note(self, **data: Any) -> None:
        """Write a line."""
        line = {"at": round(time.monotonic() - self._began, 1)} | data
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")

    def look(self) -> None:
        """Write what stands where now."""
        try:
            found = self.store.answers(QUERIES)
        except Exception as error:
            found = {"error": [(repr(error),)]}
        self.note(answered=self.answered(), cpu=psutil.cpu_percent(), seconds=self.spent(), **found)

    def spent(self) -> dict[str, float]:
        """Return the processor seconds of each part so far, and those of this process and of its dead children."""
        seconds = {name: round(sum(map(_seconds, processes)), 2) for name, processes in self.parts().items()}
        dead = resource.getrusage(resource.RUSAGE_CHILDREN)
        return seconds | {"test": round(time.process_time(), 2), "buried": round(dead.ru_utime + dead.ru_stime, 2)}

    @contextlib.contextmanager
    def kept(self) -> Iterator[None]:
        """Look every two seconds, from a thread, until the block ends."""
        over = threading.Event()

        def work() -> None:
            while not over.wait(EVERY_SECONDS):
                self.look()

        thread = threading.Thread(target=work, name="evidence", daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join(timeout=30)


def _seconds(process: psutil.Process) -> float:
    with contextlib.suppress(psutil.Error):
        times = process.cpu_times()
        return float(times.user + times.system + times.children_user + times.children_system)
    return 0.0
