"""Where backups lie: room is asked for first, the folder is nobody else's, and no path is too odd."""

from __future__ import annotations

import errno
import json
import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
from django.db.migrations.recorder import MigrationRecorder
from pytest_django import Settings

from clawsite.core.process import host_name
from clawsite.models import Backup
from clawsite.ops.backups.contents import FOLDERS
from clawsite.ops.backups.errors import BackupFailed
from clawsite.ops.backups.hindrance import find_hindrance, warn_of_hindrance
from clawsite.ops.backups.making import make_backup
from clawsite.ops.backups.owner import claim, is_ours, mark
from clawsite.ops.backups.room import check_room
from clawsite.ops.backups.scratch import clear_scratch, scratch_folder
from clawsite.ops.backups.sources import find_latest
from clawsite.ops.backups.status import last
from clawsite.ops.backups.stores import FolderStore, local_store
from tests.clawsite.ops.backups.installation import installed, manage
from tests.template import NAME

ODD = "it's 100% odd? #1 %41"
NOW = datetime(2026, 6, 1, tzinfo=UTC)


def named(year: int) -> str:
    return f"clawsite-{year}0101T000000Z-abcdef.tar.zst.age"


@pytest.mark.django_db
def test_without_room_no_backup_is_begun(home: Path) -> None:
    huge = home / FOLDERS[0] / "huge"
    huge.parent.mkdir(exist_ok=True)
    with huge.open("wb") as file:
        file.truncate(2**43)  # eight tebibytes of nothing

    with pytest.raises(BackupFailed, match=r"MiB free, and a backup needs about \d+ MiB there"):
        make_backup(reason="test")

    assert local_store().list() == []
    assert "set CLAW_BACKUP_DIR to another disk" in Backup.objects.get(state="failed").error
    huge.unlink()
    Backup.objects.create(name="clawsite-huge", state="verified", size=2**60, counts={"bytes": 2**60})
    check_room(local_store())  # what was huge then is gone


@pytest.mark.django_db
def test_two_installations_do_not_share_a_folder(home: Path) -> None:
    kept = make_backup(reason="test")
    claim(local_store())
    first = MigrationRecorder.Migration.objects.order_by("applied")[0]
    first.applied -= timedelta(microseconds=1)
    first.save()

    with pytest.raises(BackupFailed, match="keeps the backups of another installation"):
        make_backup(reason="test")

    assert not is_ours(local_store())
    assert [each.name for each in local_store().list()] == [kept.name]
    (local_store().root / ".owner").write_text("no longer to be read")
    with pytest.raises(BackupFailed, match="cannot be read"):
        claim(local_store())
    assert not is_ours(local_store())
    mark(local_store())
    assert is_ours(local_store())


@pytest.mark.soak
def test_what_is_restored_goes_on_where_another_installation_made_its_backups(tmp_path: Path) -> None:
    home = installed(tmp_path / "home")
    first = json.loads(manage(home, "backup", "--json").stdout)["name"]
    with closing(sqlite3.connect(home / NAME)) as base, base:
        base.execute("UPDATE django_migrations SET applied = '2001-01-01 00:00:00' WHERE id = 1")
    (home / "backups/.owner").unlink()
    assert manage(home, "backup").returncode == 0

    done = manage(home, "restore", first, "--yes")

    assert done.returncode == 0, done.stderr
    again = manage(home, "backup")
    assert again.returncode == 0, again.stderr


@pytest.mark.django_db
def test_a_path_may_be_as_odd_as_paths_can_be(home: Path, tmp_path: Path, settings: Settings) -> None:
    settings.CLAW_HOME = home.rename(tmp_path / ODD)
    settings.CLAW_BACKUP_DIR = tmp_path / ODD / "kept"

    assert make_backup(reason="test").state == Backup.State.VERIFIED


@pytest.mark.soak
def test_an_installation_with_an_odd_path_comes_back(tmp_path: Path) -> None:
    home = installed(tmp_path / ODD)
    made = manage(home, "backup")
    assert made.returncode == 0, made.stderr
    (home / "media/7/photo.jpg").unlink()

    done = manage(home, "restore", "latest", "--yes")

    assert done.returncode == 0, done.stderr
    assert (home / "media/7/photo.jpg").is_file()


def test_a_backup_of_the_future_is_never_silently_the_latest() -> None:
    assert find_latest([], now=NOW) == ""
    assert find_latest([named(2024), named(2026), named(2025)], now=NOW) == named(2026)

    with pytest.raises(BackupFailed, match="is from the future") as refused:
        find_latest([named(2030), named(2026), named(2025)], now=NOW)

    assert f"{named(2030)} or {named(2026)}." in str(refused.value)


def test_only_scratch_that_nobody_uses_is_removed(tmp_path: Path) -> None:
    (tmp_path / ".scratch-left").mkdir()
    with scratch_folder(tmp_path) as used:
        clear_scratch(tmp_path)
        assert used.is_dir()
        assert os.listdir(tmp_path) == [used.name]
    assert os.listdir(tmp_path) == []


def lead_nowhere(path: Path) -> Path:
    path.symlink_to(path.with_name("unplugged"))
    return path / "kept"


def below_a_file(path: Path) -> Path:
    path.touch()
    return path / "kept"


def too_long(path: Path) -> Path:
    return path.with_name("x" * 300)


@pytest.mark.django_db
@pytest.mark.parametrize("make", [lead_nowhere, below_a_file, too_long])
def test_a_place_that_cannot_be_is_told_and_stops_nothing_else(
    make: Callable[[Path], Path], home: Path, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    settings.CLAW_BACKUP_DIR = make(home / "place")
    Backup.objects.create(
        name="clawsite-lost", state="verified", host=host_name(), places=[str(settings.CLAW_BACKUP_DIR)]
    )

    warn_of_hindrance()
    assert "No backup can be made: " in caplog.text
    assert "set CLAW_BACKUP_DIR to another folder" in caplog.text
    clear_scratch(Path(settings.CLAW_BACKUP_DIR))
    assert last().age is None
    with pytest.raises(BackupFailed):
        make_backup(reason="test")


@pytest.mark.django_db
def test_a_place_that_is_made_with_the_first_backup_hinders_nobody(
    home: Path, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    settings.CLAW_BACKUP_DIR = home.parent / "not" / "yet"
    warn_of_hindrance()
    assert caplog.text == ""
    assert not settings.CLAW_BACKUP_DIR.parent.exists()


def test_what_a_disk_of_its_own_has_of_roots_stops_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests may run as root, whom nothing keeps out: the system is asked to keep everybody out."""
    look = os.scandir

    def refuse(path: str) -> object:
        if os.path.basename(path) in {"lost+found", "pgwal"}:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path)
        return look(path)

    monkeypatch.setattr(os, "scandir", refuse)
    for folder in ("lost+found", "log"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / named(2026)).touch()
    assert [each.name for each in FolderStore(tmp_path).list()] == [f"log/{named(2026)}"]
    (tmp_path / "pgwal").mkdir()
    with pytest.raises(BackupFailed, match="/pgwal cannot be read: Permission denied"):
        FolderStore(tmp_path).list()


def test_a_draft_that_nobody_goes_on_with_is_removed_after_a_week(tmp_path: Path) -> None:
    store = FolderStore(tmp_path / "place")
    (tmp_path / "one").write_bytes(b"1")
    for name in ("log/1", "log/2"):
        store.put(name, tmp_path / "one")
    week = 7 * 24 * 3600
    for name, age in (("log/old.draft", week), ("log/fresh.draft", week - 60)):
        (store.root / name).write_bytes(b"half")
        os.utime(store.root / name, (1e9 - age, 1e9 - age))
    for name in ("log/1", "log/2"):
        os.utime(store.root / name, (1e9, 1e9))
    store.forget_halves()
    assert sorted(path.name for path in (store.root / "log").iterdir()) == ["1", "2", "fresh.draft"]


@pytest.mark.parametrize(("flags", "why"), [(0, "Permission denied"), (os.ST_RDONLY, "Read-only file system")])
def test_a_disk_that_became_read_only_is_called_so(
    flags: int, why: str, tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The system makes a disk read-only when it fails; nobody's rights are to be mended then."""
    settings.CLAW_BACKUP_DIR = tmp_path
    monkeypatch.setattr(os, "access", lambda *_: False)
    monkeypatch.setattr(os, "statvfs", lambda _: SimpleNamespace(f_flag=flags))
    assert find_hindrance().startswith(f"{tmp_path} cannot be written: {why}. ")
