"""The archive of PostgreSQL's log: what lies in its folder comes to the stores and goes, without a server."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

import pytest
from django.conf import LazySettings

from clawsite.ops.backups.errors import BackupFailed
from clawsite.ops.backups.stores import FolderStore
from clawsite.ops.shipping.postgres import archiving, systems, work
from clawsite.ops.shipping.postgres.archiving import Archiving
from clawsite.ops.shipping.postgres.names import WAL_PREFIX, Base, Wal
from clawsite.ops.shipping.spool import Spool


def name_of(file: str) -> str:
    """Return what a file is called in a store that does not say of which server it is."""
    return Wal(system="0", file=file).name


def test_what_is_no_file_of_the_log_stays(tmp_path: Path, settings: LazySettings) -> None:
    settings.CLAW_HOME = tmp_path / "home"
    folder, store = tmp_path / "archive", FolderStore(tmp_path / "store")
    folder.mkdir()
    for name in ("0" * 24, "." + "1" * 24, "notes.txt", "00000002.history"):
        (folder / name).write_text(name)
    spool = Spool(folder)
    assert Archiving(folder, spool, [store]).send() == 2
    assert [each.name for each in store.list(WAL_PREFIX)] == [name_of("0" * 24), name_of("00000002.history")]
    assert {path.name for path in folder.iterdir() if path.is_file()} == {"." + "1" * 24, "notes.txt"}


def test_who_may_not_read_what_the_server_archived_is_told_what_is_missing(
    tmp_path: Path, settings: LazySettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.CLAW_HOME = tmp_path / "home"
    (tmp_path / ("0" * 24)).touch()

    def deny(path: Path) -> str:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(systems, "system_of", deny)  # root may read everything
    with pytest.raises(BackupFailed, match=r"0000 cannot be read\. A group that"):
        Archiving(tmp_path, Spool(tmp_path), [FolderStore(tmp_path / "store")]).send()


def test_a_folder_that_cannot_be_made_is_told_with_what_it_needs(tmp_path: Path, settings: LazySettings) -> None:
    (tmp_path / "file").touch()
    settings.CLAW_WAL_DIR = str(tmp_path / "file")
    with pytest.raises(BackupFailed, match=r"file cannot be written: Not a directory\. A group that"):
        asyncio.run(work.ship())


def test_the_end_waits_for_the_file_that_is_being_sent(tmp_path: Path, settings: LazySettings) -> None:
    """The next process owns the folder as soon as this one lets go, and uses the same files."""
    settings.CLAW_HOME = tmp_path / "home"
    began, go_on, sent = threading.Event(), threading.Event(), list[str]()

    class Slow(FolderStore):
        def put(self, name: str, path: Path, **_: object) -> None:
            sent.append(name)
            began.set()
            assert go_on.wait(30)

    folder = tmp_path / "archive"
    folder.mkdir()
    for number in range(3):
        (folder / f"{number:024X}").touch()
    archiving = Archiving(folder, Spool(folder), [Slow(tmp_path / "slow")])

    async def end() -> None:
        task = asyncio.create_task(work._work(archiving))
        await asyncio.to_thread(began.wait, 30)
        task.cancel()
        _, pending = await asyncio.wait([task], timeout=0.2)
        assert pending
        go_on.set()
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(end())
    assert sent == [name_of("0" * 24)]
    assert len([path for path in folder.iterdir() if path.is_file()]) == 2


def test_a_store_that_fails_keeps_nothing_of_the_log_from_the_others(tmp_path: Path, settings: LazySettings) -> None:
    settings.CLAW_HOME = tmp_path / "home"
    folder, store = tmp_path / "archive", FolderStore(tmp_path / "store")
    broken = FolderStore(tmp_path / "broken")
    broken.root.touch()
    folder.mkdir()
    names = ["0" * 24, "0" * 23 + "1"]
    for name in names:
        (folder / name).write_text(name)
    archiving = Archiving(folder, Spool(folder), [broken, store])
    with pytest.raises(BackupFailed, match="broken cannot be"):
        archiving.send()
    there = [store.root / name_of(name) for name in names]
    first = [path.read_bytes() for path in there]
    old = store.root / Base(moment=1, first="0" * 23 + "1", system="0").name
    old.parent.mkdir()
    old.touch()
    with pytest.raises(BackupFailed, match="broken cannot be"):
        archiving.forget(keep=0)
    assert [path.exists() for path in there] == [False, True]

    broken.root.unlink()
    assert archiving.send() == 2
    assert [each.name for each in broken.list(WAL_PREFIX)] == [name_of(name) for name in names]
    assert there[1].read_bytes() == first[1], "it was sent once"
    assert not [path for path in folder.iterdir() if path.is_file()]


def test_what_waits_for_a_store_that_is_away_for_days_does_not_fill_the_disk(
    tmp_path: Path, settings: LazySettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.CLAW_HOME = tmp_path / "home"
    monkeypatch.setattr(archiving, "MOST_BYTES", 5 * 1024)
    folder, store = tmp_path / "archive", FolderStore(tmp_path / "store")
    (tmp_path / "away").touch()
    folder.mkdir()
    names = [f"{number:024X}" for number in range(12)]
    for name in names:
        (folder / name).write_bytes(bytes(1024))
    alone = Archiving(folder, Spool(folder), [FolderStore(tmp_path / "away")])
    with pytest.raises(BackupFailed):
        alone.send()
    assert len([path for path in folder.iterdir() if path.is_file()]) == 12, "nobody else has it"
    both = Archiving(folder, Spool(folder), [FolderStore(tmp_path / "away"), store])
    with pytest.raises(BackupFailed):
        both.send()
    assert sorted(path.name for path in folder.iterdir() if path.is_file()) == names[7:]
    assert [each.name for each in store.list(WAL_PREFIX)] == [name_of(name) for name in names]
