"""Making a backup: what is in it, what its row says, who can open it, and what happens when it cannot be made."""

from __future__ import annotations

import errno
import fcntl
import os
from datetime import timedelta
from pathlib import Path

import pytest
from django.utils import timezone
from pytest_django import Settings

from clawsite.core.process import host_name
from clawsite.models import Backup
from clawsite.ops.backups import last
from clawsite.ops.backups.about import engine
from clawsite.ops.backups.errors import BackupFailed, BadArchive
from clawsite.ops.backups.excess import too_large
from clawsite.ops.backups.extraction import Extraction, extract
from clawsite.ops.backups.identity import Identity, key_path, new_identity, own_identity, read_identity
from clawsite.ops.backups.making import make_backup
from clawsite.ops.backups.stores import local_store

pytestmark = pytest.mark.django_db


def unpacked(row: Backup, folder: Path, *, identity: Identity | None = None, proven: bool = True) -> Extraction:
    folder.mkdir()
    with local_store().open(row.name) as source:
        return extract(source, folder, identity=identity or read_identity(key_path()), proven=proven)


def test_a_backup_holds_database_files_and_keys(home: Path, tmp_path: Path) -> None:
    row = make_backup(reason="test")
    extraction = unpacked(row, tmp_path / "out")
    out = tmp_path / "out"

    assert extraction.database.is_file()
    assert (out / "files/media/7/café.txt").read_text() == "photo"
    assert (out / "files/workspaces/user-1/shop/repo.git/refs/heads").is_dir()
    assert os.access(out / "files/workspaces/user-1/shop/run.sh", os.X_OK)
    assert os.readlink(out / "files/workspaces/user-1/shop/environments/live/current") == "releases/abc"
    assert extraction.keys == {"encryption.key": b"the encryption key", "secret.key": b"the secret key"}
    assert not (out / "keys").exists(), "keys are never laid in clear into a scratch folder"


def test_neither_its_own_key_nor_what_is_made_anew_is_in_it(home: Path, tmp_path: Path) -> None:
    make_backup(reason="test")
    unpacked(make_backup(reason="again"), tmp_path / "out")
    found = {path.name for path in (tmp_path / "out").rglob("*")}

    assert not found & {"backup.key", "socket", "run", "kept"}


def test_its_row_says_that_it_was_verified_and_what_it_holds(home: Path) -> None:
    row = make_backup(reason="cli:alice")
    row.refresh_from_db()

    assert (row.state, row.reason, row.error) == ("verified", "cli:alice", "")
    assert row.size == (local_store().root / row.name).stat().st_size
    assert row.counts["tables"]["django_migrations"] > 0
    assert row.verified_at is not None


def test_the_last_backup_is_told_for_health_and_metrics(home: Path) -> None:
    assert last().age is None

    row = make_backup(reason="test")

    assert (last().name, last().size, last().verified, last().failing) == (row.name, row.size, True, "")
    Backup.objects.create(name="of a wrong clock", state="verified", started_at=timezone.now() + timedelta(days=900))
    assert 0 <= (last().age or -1) < 60
    (local_store().root / row.name).unlink()
    assert last().age is None


def test_only_the_service_may_read_it(home: Path) -> None:
    row = make_backup(reason="test")

    assert (local_store().root / row.name).stat().st_mode & 0o777 == 0o600
    assert local_store().root.stat().st_mode & 0o777 == 0o700
    assert key_path().stat().st_mode & 0o777 == 0o600


def test_somebody_elses_identity_opens_nothing(home: Path, tmp_path: Path) -> None:
    row = make_backup(reason="test")

    with pytest.raises(BadArchive, match="another identity"):
        unpacked(row, tmp_path / "out", identity=new_identity())


def test_with_a_recipient_this_machine_checks_its_backup_but_cannot_open_it_later(
    home: Path, tmp_path: Path, settings: Settings
) -> None:
    owner = new_identity()
    settings.CLAW_BACKUP_RECIPIENT = str(owner.to_public())
    row = make_backup(reason="test")

    assert row.state == Backup.State.VERIFIED
    assert own_identity() is None
    assert not key_path().exists()
    with pytest.raises(BadArchive, match="does not prove who made it"):
        unpacked(row, tmp_path / "refused", identity=owner)
    assert unpacked(row, tmp_path / "out", identity=owner, proven=False).about.engine == engine()


def test_what_a_killed_process_left_is_put_away(home: Path) -> None:
    left = local_store().root / ".scratch-left"
    left.mkdir(parents=True)
    begun = Backup.objects.create(name="begun", host=host_name())
    make_backup(reason="test")
    begun.refresh_from_db()
    killed = Backup.objects.create(name="clawsite-killed", host=host_name(), state="stored", size=1)
    (local_store().root / killed.name).write_text("published, and never checked")
    make_backup(reason="again")

    assert not left.exists()
    assert not (local_store().root / killed.name).exists()
    assert (begun.state, begun.error) == ("failed", "It was interrupted.")


def test_a_backup_that_cannot_be_restored_is_not_kept(home: Path) -> None:
    def spoil(text: str) -> None:
        for each in local_store().list():
            path = local_store().root / each.name
            path.write_bytes(path.read_bytes()[:-50])

    with pytest.raises(BadArchive, match="damaged or cut off"):
        make_backup(reason="test", note=spoil)

    row = Backup.objects.get()
    assert (row.state, row.places, local_store().list()) == ("failed", [], [])
    assert last().failing.startswith("The archive is damaged")


def test_one_that_could_not_be_checked_is_kept_only_where_there_is_nothing_better(home: Path) -> None:
    def hinder(text: str) -> None:
        if "read back" in text:
            raise OSError(errno.ENOSPC, "No space left on device")

    def try_it() -> set[str]:
        with pytest.raises(BackupFailed, match="No space left"):
            make_backup(reason="test", note=hinder)
        return {each.name for each in local_store().list()}

    (unchecked,) = try_it()
    good = make_backup(reason="test")
    assert try_it() == {unchecked, good.name}


def test_two_backups_at_once_are_refused(home: Path) -> None:
    make_backup(reason="test")
    with (local_store().root / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(BackupFailed, match="Another backup"):
            make_backup(reason="test")


def test_a_folder_that_cannot_be_written_is_a_sentence_and_no_backup(home: Path, settings: Settings) -> None:
    settings.CLAW_BACKUP_DIR = home / "secret.key" / "below-a-file"

    with pytest.raises(BackupFailed, match="cannot be written"):
        make_backup(reason="test")


def test_stopping_leaves_no_half_backup_and_a_row_that_says_so(home: Path) -> None:
    def stop() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        make_backup(reason="test", check=stop)

    assert local_store().list() == []
    assert Backup.objects.get().error == "It was stopped."


def test_too_many_files_are_told_before_anything_is_copied(home: Path, settings: Settings) -> None:
    settings.CLAW_BACKUP_FILES = 5
    steps: list[str] = []

    with pytest.raises(BackupFailed, match="more than 5 files"):
        make_backup(reason="test", note=steps.append)
    assert last().failing.startswith("There is more than 5 files")
    settings.CLAW_BACKUP_FILES, settings.CLAW_BACKUP_GIGABYTES = 10_000, 0
    with pytest.raises(BackupFailed, match="CLAW_BACKUP_GIGABYTES"):
        make_backup(reason="test", note=steps.append)
    assert steps == []


def test_a_database_that_is_too_large_is_told_with_what_to_change(tmp_path: Path, settings: Settings) -> None:
    settings.CLAW_BACKUP_GIGABYTES = 2
    with (tmp_path / "large.sqlite3").open("wb") as file:
        file.truncate(2 * 1024**3)  # of nothing
        assert too_large(tmp_path / "large.sqlite3") == ""
        file.truncate(2 * 1024**3 + 4096)
        assert "Set CLAW_BACKUP_GIGABYTES to 4" in too_large(tmp_path / "large.sqlite3")


def test_a_large_file_that_becomes_shorter_is_filled_up_and_told(home: Path, tmp_path: Path) -> None:
    large = home / "media/growing.log"
    large.write_bytes(b"a" * (6 * 2**20))

    def cut() -> None:
        if any(path.resolve() == large for path in Path("/proc/self/fd").iterdir()):
            os.truncate(large, 2**20)

    row = make_backup(reason="test", check=cut)
    unpacked(row, tmp_path / "out")
    found = (tmp_path / "out/files/media/growing.log").read_bytes()

    assert row.counts["changed"] == ["files/media/growing.log"]
    assert len(found) == 6 * 2**20
    assert found[: 2**20] == b"a" * 2**20
    assert found[-(2**20) :] == bytes(2**20)


def test_what_is_no_file_is_left_out_and_told(home: Path) -> None:
    os.mkfifo(home / "media/pipe")
    row = make_backup(reason="test")

    assert row.counts["left out"] == ["media/pipe"]


def test_names_that_are_no_text_and_deep_links_do_not_stand_in_the_way(home: Path, tmp_path: Path) -> None:
    odd = os.fsdecode(b"caf\xe9")
    (home / "media" / odd).write_text("old")
    (home / "media/link").symlink_to(odd)
    os.mkfifo(home / "media" / f"{odd}-pipe")
    deep = home / "workspaces" / "/".join("d" * 30)
    deep.mkdir(parents=True)
    (deep / "link").symlink_to("x")
    row = make_backup(reason="test")
    unpacked(row, tmp_path / "out")

    assert (tmp_path / "out/files/media" / odd).read_text() == "old"
    assert row.counts["left out"] == [
        "media/caf\N{REPLACEMENT CHARACTER}-pipe", "media/link", f"{deep.relative_to(home)}/link"
    ]  # fmt: skip


def test_a_folder_that_is_a_link_to_another_disk_is_in_the_backup(home: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "disk"
    (home / "workspaces").rename(elsewhere)
    (home / "workspaces").symlink_to(elsewhere)
    unpacked(make_backup(reason="test"), tmp_path / "out")
    assert (tmp_path / "out/files/workspaces/user-1/shop/run.sh").read_text() == "#!/bin/sh\n"

    elsewhere.rename(tmp_path / "away")
    with pytest.raises(BackupFailed, match="where no folder is"):
        make_backup(reason="test")
