"""What is kept and for how long."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from pytest_django import Settings

from clawsite.models import Backup
from clawsite.ops.backups.making import make_backup
from clawsite.ops.backups.retention import find_expired, time_of
from clawsite.ops.backups.stores import local_store

NOW = datetime(2026, 7, 1, 12, tzinfo=UTC)


def name(moment: datetime) -> str:
    return f"clawsite-{moment:%Y%m%dT%H%M%SZ}-abcdef.tar.zst.age"


def kept(names: list[str], **limits: int) -> list[str]:
    expired = find_expired(names, now=NOW, **({"days": 30, "weeks": 0, "months": 0} | limits))
    return [each for each in names if each not in expired]


def test_thirty_days_are_kept() -> None:
    names = [name(NOW - timedelta(days=number)) for number in range(50)]

    assert kept(names) == names[:30]


def test_the_last_of_each_week_and_month_is_kept_for_longer() -> None:
    names = [name(NOW - timedelta(days=number)) for number in range(400)]
    found = [time_of(each) for each in kept(names, days=7, weeks=4, months=12)]

    assert len(found) == 7 + 2 + 10  # two of the weeks and two of the months are among the days
    assert found[-1] is not None
    assert found[-1].date() == datetime(2025, 8, 31, tzinfo=UTC).date()


def test_of_one_day_the_last_is_kept_once_the_day_is_over() -> None:
    today = [name(NOW - timedelta(hours=hours)) for hours in (1, 2, 3)]
    before = [name(NOW - timedelta(days=3, hours=hours)) for hours in (1, 2, 3)]

    assert kept([*today, *before]) == [*today, before[0]]


def test_the_newest_stays_however_old_it_is() -> None:
    old = name(NOW - timedelta(days=900))

    assert kept([old], days=1) == [old]


def test_what_is_no_backup_is_left_alone() -> None:
    assert find_expired(["notes.txt", "clawsite-none"], now=NOW, days=1, weeks=0, months=0) == []


@pytest.mark.django_db
def test_a_new_backup_removes_what_is_too_old_and_says_so(home: Path, settings: Settings) -> None:
    settings.CLAW_BACKUP_WEEKS = settings.CLAW_BACKUP_MONTHS = 0
    settings.CLAW_BACKUP_DAYS = 1
    store = local_store()
    store.root.mkdir()
    old = name(datetime(2020, 1, 1, tzinfo=UTC))
    (store.root / old).write_text("old")
    row = Backup.objects.create(name=old, state="verified", places=[store.label])
    fresh = make_backup(reason="test")
    row.refresh_from_db()

    assert [each.name for each in store.list()] == [fresh.name]
    assert (row.state, row.places) == ("deleted", [])
