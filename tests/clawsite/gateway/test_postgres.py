"""The same conversations on the other database, where other processes really run beside a transaction."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.programs import ROOT
from tests.servers.services import PostgresService

NAMES = ("talk", "runs", "isolation", "sessions", "feed", "send", "scheduled_rights")
PATHS = [f"tests/clawsite/gateway/test_{name}.py" for name in NAMES]
PATHS.append("tests/clawsite/gateway/test_scheduled.py::test_a_job_that_runs_again_says_nothing_twice")

pytestmark = [pytest.mark.services, pytest.mark.timeout(300)]


def test_the_same_tests_pass_on_postgresql(postgres_service: PostgresService, tmp_path: Path) -> None:
    own = {"DATABASE_URL": postgres_service.url("gateway"), "CLAW_HOME": str(tmp_path / "home")}
    ran = subprocess.run(
        [sys.executable, "-m", "tests.sessions_app.on_postgres", *PATHS],
        cwd=ROOT,
        env=os.environ | own,
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )

    assert ran.returncode == 0, ran.stdout[-6000:] + ran.stderr[-2000:]
