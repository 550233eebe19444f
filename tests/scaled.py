"""Runs the tests on a PostgreSQL and a Redis of their own: `python -m tests.scaled [pytest arguments]`.

Without arguments it runs everything that ./test runs but the measurements, which are compared with those on SQLite.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.engine import POSTGRESQL, REDIS, SHARED
from tests.programs import ROOT, find_program
from tests.servers.services import PostgresService, RedisService
from tests.template import put_cluster

PARTS = (
    ["-n", "3", "-q", "-m", "not alone and not bench and not paired"],
    ["-n", "2", "--dist", "loadgroup", "-q", "-m", "paired"],
    ["-q", "-m", "alone and not bench"],
    ["-q", "-m", "soak", "tests/faults/test_two_machines.py"],
)


def main(arguments: list[str]) -> int:
    """Return the exit code of pytest, the first that is not 0 when it runs more than once."""
    with servers() as environment:
        codes = [
            subprocess.run([sys.executable, "-m", "pytest", *part], cwd=ROOT, env=environment, check=False).returncode
            for part in ([arguments] if arguments else PARTS)
        ]
    return next((code for code in codes if code), 0)


@contextmanager
def servers() -> Iterator[dict[str, str]]:
    """Run both, and give the environment in which tests find them."""
    shared = tempfile.mkdtemp(prefix="clawsite-scaled-")
    os.environ.setdefault(SHARED, shared)
    database = PostgresService(_need("postgres"), _need("initdb"), connections=600)
    try:
        put_cluster(database)
        database.start()
        with RedisService.running(_need("redis-server"), 5000) as redis:
            yield os.environ | {POSTGRESQL: database.server, REDIS: redis.server}
    finally:
        database.remove()
        shutil.rmtree(shared, ignore_errors=True)


def _need(name: str) -> str:
    # Debian links the server alone onto PATH, or nothing.
    beside = Path(find_program("postgres") or "").resolve().parent / name
    path = find_program(name) or (str(beside) if beside.exists() else "")
    if not path:
        sys.exit(f"{name} is not on this machine.")
    return path


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
