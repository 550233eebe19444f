"""Jobs and schedules behave the same on PostgreSQL: the same tests, races too, on a real server."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.servers.services import PostgresService

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.services
@pytest.mark.timeout(300)
def test_the_same_tests_pass_on_postgresql(postgres_service: PostgresService, tmp_path: Path) -> None:
    environment = os.environ | {
        "DATABASE_URL": postgres_service.url(),
        "CLAW_HOME": str(tmp_path),
        "DJANGO_SETTINGS_MODULE": "clawsite.settings",
    }
    # The plans of queries are SQLite's: PostgreSQL plans by what the tables hold. The others ask no database.
    others = ("test_query_plans.py", "anomalies/test_detector.py", "anomalies/test_labelled.py", "charts")
    ignored = (f"--ignore=tests/runbooks/{name}" for name in others)
    paths = (*ignored, "tests/runbooks", "tests/clawsite/gateway/test_jobs.py", "tests/clawsite/gateway/test_cron.py")
    done = subprocess.run(
        [sys.executable, "-m", "tests.sessions_app.on_postgres", *paths],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-2000:]
    assert " passed" in done.stdout
