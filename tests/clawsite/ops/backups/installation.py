"""Installations in folders of their own, and our commands run on them as an operator does."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from tests.programs import ROOT
from tests.template import NAME, put_file

SECONDS = 120
RATE = 100


def manage(home: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a command; return how it ended and what it said."""
    ours = ("CLAW_", "DJANGO_")
    clean = {key: value for key, value in os.environ.items() if not key.startswith(ours)}
    return subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=ROOT, env={**clean, "CLAW_HOME": str(home), **environment}, capture_output=True, text=True,
        timeout=SECONDS, check=False,
    )  # fmt: skip


def installed(home: Path) -> Path:
    """Make an installation on SQLite with files in it; return its home."""
    put_file(home)
    with closing(sqlite3.connect(home / NAME)) as base:
        base.execute("PRAGMA journal_mode=WAL")
    for name in ("media/7/photo.jpg", "skills/weather/abc/SKILL.md", "workspaces/user-1/shop/tree/app.py"):
        (home / name).parent.mkdir(parents=True)
        (home / name).write_text(name)
    return home


def count(home: Path, table: str) -> int:
    with closing(sqlite3.connect(home / NAME)) as base:
        return int(base.execute(f"SELECT count(*) FROM {table}").fetchone()[0])  # noqa: S608


class Writer:
    """Writes a hundred pairs of rows a second, as far as the machine can; the two of a pair are one transaction."""

    def __init__(self, home: Path) -> None:
        self._path = home / NAME
        self._stop = threading.Event()
        self.written = 0
        self.rate = 0.0

    def run(self) -> None:
        with closing(sqlite3.connect(self._path, timeout=30, isolation_level=None)) as base:
            begin = time.monotonic()
            while not self._stop.wait(max(0.0, begin + self.written / RATE - time.monotonic())):
                base.execute("BEGIN IMMEDIATE")
                self._insert(base)
                base.execute("COMMIT")
                self.written += 1
            self.rate = self.written / (time.monotonic() - begin)

    def _insert(self, base: sqlite3.Connection) -> None:
        audit = (
            "INSERT INTO core_auditevent (at, action, actor, subject, origin, data) VALUES (?, 't', '', '', '', '{}')"
        )
        base.execute(audit, ["2026-01-01 00:00:00"])
        secret = "INSERT INTO core_secret (name, value, updated_at) VALUES (?, '', '2026-01-01 00:00:00')"
        base.execute(secret, [f"n{self.written}"])

    @contextmanager
    def writing(self) -> Iterator[None]:
        thread = threading.Thread(target=self.run)
        thread.start()
        try:
            yield
        finally:
            self._stop.set()
            thread.join()
