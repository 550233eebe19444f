"""What asks the database behaves the same on PostgreSQL, where other processes really run beside a transaction.

These are the tests that find most; `./test --scaled` runs all of them, with Redis.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.engine import POSTGRESQL
from tests.programs import ROOT
from tests.servers.services import PostgresService

GATEWAY = "tests/clawsite/gateway"
# What waits for clocks is left out, and the plans of queries: PostgreSQL plans by what the tables hold.
SUITES = {
    "memory": ("tests/sessions_app", "tests/bots/commands/test_rights.py", "tests/clawsite/ops/test_housekeeping.py"),
    "talk": (
        "tests/clawsite/core/test_transactions.py",
        *(f"{GATEWAY}/test_{name}.py" for name in ("runs", "isolation", "sessions", "feed")),
        f"{GATEWAY}/test_scheduled.py::test_a_job_that_runs_again_says_nothing_twice",
    ),
    "jobs": (
        *(f"tests/runbooks/dispatch/test_{name}.py" for name in ("choosing", "mirroring", "crashes")),
        *(f"tests/runbooks/test_{name}.py" for name in ("actions", "races", "reaper", "running", "schedules")),
        f"{GATEWAY}/test_jobs.py",
    ),
    "on call": (
        *(f"tests/runbooks/alerts/test_{name}.py" for name in ("groups", "races", "escalation", "silencing")),
        *(f"tests/runbooks/books/test_{name}.py" for name in ("running", "approvals")),
        *(f"tests/runbooks/incidents/test_{name}.py" for name in ("actions", "alerts", "races", "following")),
        "tests/runbooks/anomalies/test_races.py",
        "tests/bots/code/test_races.py",
        "tests/runbooks/sources/test_readings.py",
        "tests/bots/cards/test_cards.py::TestRows",
    ),
}

MARKS = "not services and not faults"


@pytest.mark.sqlite
@pytest.mark.services
@pytest.mark.timeout(300)
@pytest.mark.parametrize("suite", SUITES)
def test_the_same_tests_pass_on_postgresql(suite: str, postgres_service: PostgresService, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-m", MARKS, "-o", f"cache_dir={tmp_path}", *SUITES[suite]],
        cwd=ROOT,
        env=os.environ | {POSTGRESQL: postgres_service.server},
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-2000:]
    assert " passed" in done.stdout
