"""The drill: a backup while others write, the machine is gone, and one command on an empty one brings all back."""

from __future__ import annotations

import json
import os
import shutil
import time
from pathlib import Path

import pytest
from pytest_django import Settings

from clawsite.core.process import register_process
from clawsite.ops.backups.errors import BackupFailed, BadArchive
from clawsite.ops.backups.identity import new_identity, own_identity
from clawsite.ops.backups.making import make_backup
from clawsite.ops.backups.restoring import restore
from clawsite.ops.backups.stores import local_store
from clawsite.ops.home import HomeLock
from tests.clawsite.management.running import run
from tests.clawsite.ops.backups.archives import names_in
from tests.clawsite.ops.backups.installation import Writer, count, installed, manage
from tests.clawsite.running import until
from tests.fixtures.reached import Figure, Reached


@pytest.mark.timeout(300)
def test_a_machine_that_is_gone_comes_back_with_one_command(tmp_path: Path, reached: Reached) -> None:
    home, writer = installed(tmp_path / "old"), Writer(tmp_path / "old")
    with writer.writing():
        until(lambda: writer.written > 5, seconds=30, what="rows are written")
        made = manage(home, "backup", "--json", "--to", str(tmp_path / "elsewhere"))
    assert made.returncode == 0, made.stderr
    name = json.loads(made.stdout)["name"]
    archive = (tmp_path / "elsewhere" / name).rename(tmp_path / "elsewhere/before the update.age")
    shutil.copy(home / "backup.key", tmp_path / "identity")
    encryption = (home / "encryption.key").read_text()
    shutil.rmtree(home)

    empty = tmp_path / "new"
    began = time.monotonic()
    done = manage(empty, "restore", str(archive), "--identity", str(tmp_path / "identity"), "--yes")

    assert done.returncode == 0, done.stderr
    assert "/health says: ok" in done.stdout
    restored = count(empty, "core_secret")
    assert 5 < count(empty, "core_auditevent") - 1 == restored <= writer.written  # and the restore
    # In what was restored the backup is still being made; nobody must be told that it did not succeed.
    assert count(empty, "clawsite_backup") == count(empty, "clawsite_backup WHERE state = 'verified' AND size > 0") == 1
    assert (empty / "media/7/photo.jpg").read_text() == "media/7/photo.jpg"
    assert (empty / "encryption.key").read_text() == encryption
    assert (empty / "backup.key").read_text() == (tmp_path / "identity").read_text()
    assert not {each for each in names_in(empty) if "restoring" in each or ".scratch" in each}
    back = Figure("ready again by one command after", time.monotonic() - began, "s")
    writes = Figure("commits a second during the backup", writer.rate)
    reached(20, "a machine gone", writes, Figure("commits restored", restored), Figure("torn apart", 0), back)


def fingerprint(home: Path) -> dict[str, tuple[int, float]]:
    """What is on the disk, but for what every command touches."""
    found = (path for path in home.rglob("*") if path.is_file() and not {"run", "logs"} & set(path.parts))
    return {str(path.relative_to(home)): (path.stat().st_size, path.stat().st_mtime) for path in found}


@pytest.mark.django_db
def test_a_wrong_identity_and_a_cut_file_change_nothing(home: Path, tmp_path: Path, settings: Settings) -> None:
    settings.RUN_DIR = home / "run"
    row = make_backup(reason="test")
    whole = (local_store().root / row.name).read_bytes()
    (tmp_path / "cut").write_bytes(whole[:-100])
    before = fingerprint(home)

    with pytest.raises(BadArchive, match="another identity"):
        restore(row.name, identity=new_identity())
    own = own_identity()
    assert own is not None
    with pytest.raises(BadArchive, match="damaged or cut off"):
        restore(str(tmp_path / "cut"), identity=own)
    with pytest.raises(BackupFailed, match="There is no backup"):
        restore("clawsite-none.tar.zst.age", identity=own)
    assert fingerprint(home) == before


@pytest.mark.django_db
def test_nothing_is_restored_under_a_running_system(home: Path, settings: Settings) -> None:
    settings.RUN_DIR = home / "run"
    row = make_backup(reason="test")
    own = own_identity()
    assert own is not None
    supervisor = HomeLock(settings.RUN_DIR)
    supervisor.take(seconds=1)

    child = os.fork()
    if child == 0:
        try:
            restore(row.name, identity=own)
        except Exception as error:
            os._exit(7 if "already runs here" in str(error) else 1)
        os._exit(0)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    supervisor.release()

    assert status == 7


@pytest.mark.django_db
def test_a_person_is_asked_when_everything_was_checked(
    home: Path, tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    settings.RUN_DIR = home / "run"
    row = make_backup(reason="test")
    (tmp_path / "photo").write_bytes(b"a photo, say")
    before = fingerprint(home)

    assert "There is no backup" in run(monkeypatch, "restore", "clawsite-none.tar.zst.age").error
    assert "This is no backup of clawsite" in run(monkeypatch, "restore", str(tmp_path / "photo")).error
    assert capsys.readouterr().out == ""
    assert run(monkeypatch, "restore", row.name, typed="n\n").error == "Nothing was changed."
    assert "is whole. Everything that is here is replaced by it. Go on?" in capsys.readouterr().out
    register_process("web")
    assert "clawsite still runs: web on" in run(monkeypatch, "restore", row.name).error
    assert capsys.readouterr().out == ""
    assert fingerprint(home) == before


def test_a_command_that_is_wrong_is_a_sentence(tmp_path: Path) -> None:
    started = time.monotonic()
    done = manage(tmp_path / "empty", "restore", "latest", "--yes")

    assert (done.returncode, done.stdout) == (1, "")
    assert "There is no backup.key here" in done.stderr
    assert "Traceback" not in done.stderr
    assert time.monotonic() - started < 60
