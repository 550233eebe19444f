"""What others can read or write is found and closed; what the disk is like is told."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from pytest_django import Settings

from clawsite.core import env
from clawsite.ops.doctor import Level, files, mend
from tests.programs import ROOT


@pytest.fixture
def home(settings: Settings, tmp_path: Path) -> Path:
    """A state directory as it is made."""
    settings.CLAW_HOME = tmp_path / "home"
    settings.CLAW_HOME.mkdir(mode=0o700)
    for name in files.PRIVATE:
        (settings.CLAW_HOME / name).write_text("x")
        (settings.CLAW_HOME / name).chmod(0o600)
    home: Path = settings.CLAW_HOME
    return home


def test_a_closed_home_is_fine(home: Path) -> None:
    assert [found.level for found in files.examine()] == [Level.FINE]


def test_what_is_open_is_found_and_closed(home: Path) -> None:
    home.chmod(0o755)
    (home / "secret.key").chmod(0o640)
    for name in ("clawsite.sqlite3", "clawsite.sqlite3-wal", "clawsite.sqlite3-shm"):
        (home / name).chmod(0o644)
    (home / "media").mkdir(mode=0o700)
    (home / "media").chmod(0o777)

    found = list(files.examine())
    assert {each.level for each in found} == {Level.WARN, Level.BAD}
    assert len([each for each in found if each.fix]) == len(found) == 6
    assert all(each.advice for each in found)

    assert {mend(each).level for each in found} == {Level.FINE}
    assert [each.level for each in files.examine()] == [Level.FINE]
    assert home.stat().st_mode & 0o777 == 0o700


def test_a_database_that_others_could_read_is_found_in_a_closed_home_too(home: Path) -> None:
    (home / "clawsite.sqlite3").chmod(0o644)
    (found,) = files.examine()
    assert "clawsite.sqlite3" in found.text
    assert mend(found).level is Level.FINE


def test_what_a_command_writes_is_its_users_alone() -> None:
    code = "import os, sys, manage; sys.argv = ['manage.py', 'version']; manage.main(); print(oct(os.umask(0)))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.split()[-1] == "0o77"


def test_a_mend_that_fails_says_so(home: Path) -> None:
    home.chmod(0o711)
    (found,) = [each for each in files.examine() if str(home) in each.text and "look into" in each.text]
    home.rename(home.with_name("gone"))
    after = mend(found)
    assert (after.level, after.fix) == (Level.WARN, None)
    assert "could not be mended" in after.text


def test_a_secret_file_that_everybody_reads_is_bad(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = home / "token"
    path.write_text("s3cret-value")
    path.chmod(0o604)
    monkeypatch.setenv("TELEGRAM_BOT_TOKEN_FILE", str(path))
    monkeypatch.setattr(env, "_files", {})
    env.env_secret("TELEGRAM_BOT_TOKEN")
    (found,) = files.examine()
    assert found.level is Level.BAD
    assert "TELEGRAM_BOT_TOKEN_FILE" in found.text
    assert "s3cret-value" not in found.text


@pytest.mark.parametrize(
    ("free", "level"), [(10, Level.FINE), (1, Level.WARN), (0.1, Level.BAD)], ids=["much", "little", "none"]
)
def test_room_is_judged(home: Path, monkeypatch: pytest.MonkeyPatch, free: float, level: Level) -> None:
    usage = type("Usage", (), {"free": int(free * 1024**3), "total": 20 * 1024**3})
    monkeypatch.setattr("shutil.disk_usage", lambda path: usage)
    assert next(iter(files.examine_disk())).level is level


MOUNTS = """\
22 1 0:20 / / rw shared:1 - ext4 /dev/sda1 rw
30 22 0:30 / /mnt/c rw - 9p drvfs rw,dirsync
31 22 0:31 / /mnt/c/data rw - nfs4 host:/data rw
broken line
"""


@pytest.mark.parametrize(
    ("path", "kind"), [("/home/x", "ext4"), ("/mnt/c/claw", "9p"), ("/mnt/c/data/claw", "nfs4"), ("/mnt/cc", "ext4")]
)
def test_the_innermost_mount_counts(tmp_path: Path, path: str, kind: str) -> None:
    mounts = tmp_path / "mountinfo"
    mounts.write_text(MOUNTS)
    assert files.file_system(Path(path), mounts) == kind


def test_sqlite_on_a_network_is_bad(home: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.CLAW_ON_SQLITE = True
    monkeypatch.setattr(files, "file_system", lambda path: "nfs4")
    assert any(found.level is Level.BAD and "nfs4" in found.text for found in files.examine_disk())
