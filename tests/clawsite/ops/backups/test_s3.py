"""S3-compatible storage: parts, an upload that goes on, what is half is not there, and errors as sentences."""

from __future__ import annotations

import io
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from pytest_django import Settings

from clawsite.core.errors import NotConfigured
from clawsite.core.services import report
from clawsite.models import Backup
from clawsite.ops.backups import last
from clawsite.ops.backups.copying import copy_away
from clawsite.ops.backups.errors import BackupFailed, BadArchive
from clawsite.ops.backups.identity import new_identity, own_identity
from clawsite.ops.backups.making import make_backup
from clawsite.ops.backups.s3 import S3Store, open_bucket
from clawsite.ops.backups.sources import Opened, open_source, with_whole
from clawsite.ops.backups.stores import local_store
from clawsite.ops.backups.verifying import verify
from tests.ports import free_port
from tests.servers.s3 import BUCKET, S3Server

pytestmark = pytest.mark.timeout(240)

NAME = "clawsite-20260101T000000Z-abcdef.tar.zst.age"


@pytest.fixture(scope="module")
def s3_server() -> Iterator[S3Server]:
    """The storage of this module."""
    with S3Server.running() as server:
        yield server


def bucket(server: S3Server, folder: str) -> S3Store:
    return open_bucket(server.address(folder), label="the storage", key="key", secret="secret", part_bytes=100)


def read(store: S3Store, name: str) -> bytes:
    file, found = store.open(name), io.BytesIO()
    while data := file.read(64):
        found.write(data)
    file.close()
    return found.getvalue()


def taken(text: str) -> tuple[str, str]:
    found = open_source(text)
    with found.archive:
        return found.name, found.place


def test_what_is_large_goes_in_parts_and_comes_back_whole(s3_server: S3Server, tmp_path: Path) -> None:
    text = bytes(range(256)) * 2
    (tmp_path / "large").write_bytes(text)
    (tmp_path / "small").write_bytes(text[:100])
    store = bucket(s3_server, "parts")
    store.put(NAME, tmp_path / "large")
    store.put("log/1/small.seg", tmp_path / "small")

    assert [(each.name, each.size) for each in store.list()] == [(NAME, 512), ("log/1/small.seg", 100)]
    assert [each.name for each in store.list("log/1/s")] == ["log/1/small.seg"]
    assert (read(store, NAME), read(store, "log/1/small.seg")) == (text, text[:100])

    (tmp_path / "torn").write_bytes(b"{")
    store.put(f"{NAME}.index", tmp_path / "torn")
    assert [each.name for each in store.list()] == [NAME, "log/1/small.seg"]
    with pytest.raises(BadArchive, match=r"the storage: .*index is damaged"):
        store.open(NAME)

    for each in store.list():
        store.delete(each.name)
    store.delete(NAME)
    assert store.list() == []


def test_an_upload_that_was_stopped_goes_on_and_is_not_there_before_it_is_whole(
    s3_server: S3Server, tmp_path: Path
) -> None:
    (tmp_path / "large").write_bytes(bytes(range(250)))
    store = bucket(s3_server, "claw/one")
    calls = iter(range(2))

    with pytest.raises(RuntimeError):
        store.put(NAME, tmp_path / "large", check=lambda: _stop(next(calls, None)))
    assert store.list() == []
    (tmp_path / "part").write_bytes(bytes(100))
    store.put(f"{NAME}.part-00002", tmp_path / "part")  # something else of the same size, to see that it stays
    store.put(NAME, tmp_path / "large")

    assert read(store, NAME) == bytes(range(100)) + bytes(100) + bytes(range(200, 250))


def test_a_file_that_was_made_anew_does_not_go_on_with_the_parts_of_the_one_before(
    s3_server: S3Server, tmp_path: Path
) -> None:
    """A file of PostgreSQL's log is encrypted again at each attempt: no two attempts have a byte in common."""
    first, second, third = (bytes([number]) * size for number, size in ((1, 350), (2, 350), (3, 250)))
    path, store, calls = tmp_path / "large", bucket(s3_server, "anew"), iter(range(2))
    path.write_bytes(first)
    with pytest.raises(RuntimeError):
        store.put(NAME, path, check=lambda: _stop(next(calls, None)))
    for text in (second, third):  # after an upload that was stopped, and after one whose end was not noted
        path.write_bytes(text)
        store.put(NAME, path)
        assert read(store, NAME) == text
        assert [(each.name, each.size) for each in store.list()] == [(NAME, len(text))]
    assert len(parts_of(store)) == 3


def test_what_nobody_goes_on_storing_is_removed_after_a_while(s3_server: S3Server, tmp_path: Path) -> None:
    (tmp_path / "large").write_bytes(bytes(250))
    (tmp_path / "small").write_bytes(bytes(10))
    store, calls = bucket(s3_server, "halves"), iter(range(2))
    store.put("log/whole", tmp_path / "large")
    with pytest.raises(RuntimeError):
        store.put(NAME, tmp_path / "large", check=lambda: _stop(next(calls, None)))
    store.put("log/later", tmp_path / "small")

    store.forget_halves()
    assert parts_of(store) == [
        f"{NAME}.part-00001",
        f"{NAME}.part-00002",
        *(f"log/whole.part-{n:05d}" for n in (1, 2, 3)),
    ]
    store.forget_halves(idle=timedelta(0))
    assert parts_of(store) == [f"log/whole.part-{n:05d}" for n in (1, 2, 3)]
    assert read(store, "log/whole") == bytes(250)


def parts_of(store: S3Store) -> list[str]:
    return sorted(each.name for each in store._objects("") if ".part-" in each.name)


def _stop(number: int | None) -> None:
    if number is None:
        raise RuntimeError


@pytest.mark.django_db
def test_a_backup_is_copied_there_and_restored_from_there(
    s3_server: S3Server, home: Path, tmp_path: Path, settings: Settings
) -> None:
    settings.CLAW_BACKUP_S3, settings.CLAW_BACKUP_S3_KEY = s3_server.address("copies"), "key"
    settings.CLAW_BACKUP_S3_SECRET = "secret"
    row = make_backup(reason="test")
    assert copy_away() == [row.name]
    assert copy_away() == []
    row.refresh_from_db()
    assert row.places[-1] == f"s3://{BUCKET}/copies"

    own = own_identity()
    assert own is not None
    out = iter(range(9))

    def look(found: Opened) -> tuple[str, str]:
        folder = tmp_path / f"out-{next(out)}"
        folder.mkdir()
        with found.archive as file:
            assert verify(file, folder, identity=own, proven=True).about.counts == row.counts["tables"]
        return found.name, found.place

    assert with_whole("latest", look) == (row.name, str(settings.CLAW_BACKUP_DIR))
    kept = settings.CLAW_BACKUP_DIR / row.name
    kept.write_bytes(kept.read_bytes()[:-20])
    assert with_whole("latest", look) == (row.name, f"s3://{BUCKET}/copies")
    kept.unlink()
    assert with_whole("latest", look) == (row.name, f"s3://{BUCKET}/copies")
    with pytest.raises(BadArchive, match="another identity"):
        with_whole("latest", lambda found: _open_with_another(found, tmp_path))


def _open_with_another(found: Opened, folder: Path) -> None:
    with found.archive as file:
        verify(file, folder, identity=new_identity(), proven=True)


def test_the_newest_of_all_places_is_taken(s3_server: S3Server, home: Path, settings: Settings, tmp_path: Path) -> None:
    settings.CLAW_BACKUP_S3 = s3_server.address("newest")
    settings.CLAW_BACKUP_S3_KEY = settings.CLAW_BACKUP_S3_SECRET = "secret"
    (tmp_path / "file").write_bytes(b"backup")
    newer, away = (NAME.replace("20260101", day) for day in ("20260102", "20260103"))
    for name in (NAME, newer):
        local_store().put(name, tmp_path / "file")
    bucket(s3_server, "newest").put(newer, tmp_path / "file")
    assert taken("latest") == (newer, str(settings.CLAW_BACKUP_DIR))  # the same in both: the near one

    bucket(s3_server, "newest").put(away, tmp_path / "file")
    assert taken("latest") == (away, f"s3://{BUCKET}/newest")
    assert taken(NAME) == (NAME, str(settings.CLAW_BACKUP_DIR))

    folder, settings.CLAW_BACKUP_DIR = settings.CLAW_BACKUP_DIR, tmp_path / "file"
    assert taken(away) == (away, f"s3://{BUCKET}/newest"), "whatever is wrong with the near one"
    with pytest.raises(BackupFailed, match="file cannot be read: Not a directory"):
        open_source(NAME)

    settings.CLAW_BACKUP_DIR, settings.CLAW_BACKUP_S3 = folder, f"s3://not-there?endpoint={s3_server.url}"
    with pytest.raises(BackupFailed, match=f"newest backup is not known.* is {newer}: give that name"):
        open_source("latest")
    assert taken(newer) == (newer, str(settings.CLAW_BACKUP_DIR))


@pytest.mark.django_db
def test_a_storage_that_is_away_is_told_and_caught_up_with(s3_server: S3Server, home: Path, settings: Settings) -> None:
    settings.CLAW_BACKUP_S3 = f"s3://not-there?endpoint={s3_server.url}"
    settings.CLAW_BACKUP_S3_KEY = settings.CLAW_BACKUP_S3_SECRET = "secret"
    row = make_backup(reason="test")
    with pytest.raises(BackupFailed, match="s3://not-there cannot be listed: "):
        copy_away()
    [told] = [each for each in report() if each.kind == "backup store"]
    assert told.is_failing
    assert last().failing.startswith("s3://not-there")

    settings.CLAW_BACKUP_S3 = s3_server.address("two")
    assert copy_away() == [row.name]
    assert Backup.objects.get().state == "verified"
    assert [each.name for each in report() if each.kind == "backup store"] == [f"s3://{BUCKET}/two"]
    assert not any(each.is_failing for each in report() if each.kind == "backup store")


def test_a_storage_that_does_not_answer_is_a_sentence() -> None:
    url = f"s3://{BUCKET}?endpoint=http://127.0.0.1:{free_port()}"

    with pytest.raises(BackupFailed, match="does not answer as it should"):
        open_bucket(url, label="the storage", key="key", secret="secret", retries=0).list()


def test_a_bucket_that_is_not_there_is_a_sentence_without_the_librarys_words(s3_server: S3Server) -> None:
    store = open_bucket(
        f"s3://no-such-bucket?endpoint={s3_server.url}", label="the storage", key="key", secret="secret"
    )

    with pytest.raises(BackupFailed) as caught:
        store.list()
    assert str(caught.value) == "the storage cannot be listed: the service does not answer as it should."


@pytest.mark.parametrize(
    "url", ["https://host/bucket", "s3://", "s3://user:pass@bucket", "s3://bucket?endpoint=x&other=y"]
)
def test_an_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(NotConfigured, match="must look like"):
        open_bucket(url, label="the storage", key="key", secret="secret")


def test_keys_are_needed() -> None:
    with pytest.raises(NotConfigured, match="CLAW_BACKUP_S3_KEY"):
        open_bucket("s3://bucket", label="the storage", key="", secret="")
