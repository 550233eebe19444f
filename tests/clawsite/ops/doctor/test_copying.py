"""The doctor says when the log of the database is not copied, where the settings want it."""

from __future__ import annotations

import os
import time
from datetime import timedelta
from pathlib import Path

import pytest
from django.utils import timezone
from pytest_django import Settings

from clawsite.core.models import Process
from clawsite.core.process import find_start, host_name
from clawsite.ops.doctor.copying import examine
from clawsite.ops.shipping import status
from clawsite.ops.shipping.spool import Spool, State, now
from clawsite.ops.shipping.status import LATE_SECONDS

pytestmark = pytest.mark.django_db
LATE = timedelta(seconds=LATE_SECONDS + 60)


@pytest.fixture
def worker() -> Process:
    own = os.getpid()
    return Process.objects.create(role="worker", host=host_name(), pid=own, started=find_start(own) or 1)


def told() -> list[str]:
    return [f"{found.level}: {found.text}" for found in examine()]


def test_a_log_of_sqlite_that_is_not_copied_is_bad(worker: Process, settings: Settings, tmp_path: Path) -> None:
    settings.CLAW_ON_SQLITE, settings.CLAW_HOME, settings.CLAW_SHIPPING_SECONDS = True, tmp_path, 2
    assert told() == ["note: The copying of the database's log has just begun."]
    Process.objects.update(started_at=timezone.now() - LATE)
    assert told() == ["bad: The log of the database was never copied: no restore can go to a moment."]
    state = State(chain="c", snapshot_at=1, moment=now() - int(LATE.total_seconds() * 1000))
    Spool(tmp_path).save(state)
    assert told() == ["bad: For 11 minutes not all of the database's log has been copied."]
    state.moment = now()
    Spool(tmp_path).save(state)
    assert told() == ["fine: The database's log is copied; the oldest that waits does so for 0 s."]
    settings.CLAW_SHIPPING_SECONDS = 0
    assert told() == []


def test_files_of_postgresql_that_stay_are_bad(
    worker: Process, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.CLAW_ON_SQLITE, settings.CLAW_WAL_DIR = False, str(tmp_path)
    monkeypatch.setattr(status, "seconds_behind", lambda: 0.0)
    (tmp_path / "shipping").mkdir()
    assert told()[0].startswith("fine")
    (tmp_path / ("0" * 24)).touch()
    os.utime(tmp_path / ("0" * 24), (time.time() - LATE.total_seconds(),) * 2)
    assert told()[0].startswith("bad: For 11 minutes")
    worker.delete()
    assert told() == [], "nobody should be at it"


def test_a_postgresql_that_archives_nothing_is_bad(
    worker: Process, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No file of its log waits here then."""
    settings.CLAW_ON_SQLITE, settings.CLAW_WAL_DIR = False, str(tmp_path)
    monkeypatch.setattr(status, "seconds_behind", lambda: 1200.0)
    assert told() == ["bad: For 20 minutes not all of the database's log has been copied."]
    monkeypatch.setattr(status, "seconds_behind", lambda: None)
    Process.objects.update(started_at=timezone.now() - LATE)
    assert told() == ["bad: The log of the database was never copied: no restore can go to a moment."]
