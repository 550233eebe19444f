"""Parts from outside: what is damaged, foreign, cut off, renamed or not for us is refused, and no file comes of it."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest
from django.conf import LazySettings

from clawsite.ops.backups.errors import BackupFailed, BadArchive
from clawsite.ops.backups.identity import new_identity, own_identity
from clawsite.ops.backups.joined import Joined
from clawsite.ops.shipping.names import Part, find_part, only
from clawsite.ops.shipping.recovery import check_ours, plan, recover
from clawsite.ops.shipping.sending import stored
from tests.clawsite.ops.shipping.sea import Sea, check_whole


@pytest.fixture
def sea(sea: Sea) -> Sea:
    sea.snapshot(anew=True)
    for text in ("one", "two"):
        sea.write(text)
        sea.ship()
    return sea


def refuse(sea: Sea, *, match: str) -> None:
    with pytest.raises(BadArchive, match=match):
        sea.recover()
    assert list(sea.home.parent.glob("recovered-*")) == []


def file_of(sea: Sea, part: Part) -> Path:
    return sea.place / part.name


def test_a_part_that_is_cut_off_is_refused(sea: Sea) -> None:
    path = file_of(sea, only("seg", stored(sea.store))[0])
    path.write_bytes(path.read_bytes()[:-1])
    refuse(sea, match="cut off")


def test_a_part_that_was_changed_is_refused(sea: Sea) -> None:
    path = file_of(sea, only("snap", stored(sea.store))[0])
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    refuse(sea, match="cannot be decrypted")


def test_a_part_under_the_name_of_another_is_refused(sea: Sea) -> None:
    first, second = only("seg", stored(sea.store))
    file_of(sea, second).write_bytes(file_of(sea, first).read_bytes())
    refuse(sea, match="another part")


def test_a_snapshot_in_the_place_of_a_segment_is_refused(sea: Sea) -> None:
    second = only("seg", stored(sea.store))[1]
    snapshot = only("snap", stored(sea.store))[0]
    file_of(sea, second).write_bytes(file_of(sea, snapshot).read_bytes())
    refuse(sea, match="none of ours does")


def test_what_was_encrypted_for_another_is_refused(sea: Sea) -> None:
    stores = Joined([sea.store])
    with pytest.raises(BadArchive, match="another identity"):
        recover(stores, plan(stored(stores)), sea.home / "new", identity=new_identity(), check=check_whole)
    assert not (sea.home / "new").exists()


def test_what_was_made_without_the_identity_proves_nothing(sea: Sea, settings: LazySettings) -> None:
    identity = own_identity()
    assert identity is not None
    settings.CLAW_BACKUP_RECIPIENT = str(identity.to_public())
    sea.write("three")
    sea.ship()
    stores = Joined([sea.store])
    way = plan(stored(stores))
    with pytest.raises(BadArchive, match="prove"):
        recover(stores, way, sea.home / "new", identity=identity, check=check_whole)
    recover(stores, way, sea.home / "new", identity=identity, check=check_whole, proven=False)
    assert (sea.home / "new").exists()


def test_what_is_too_large_to_be_read_again_is_not_written(sea: Sea, settings: LazySettings) -> None:
    settings.CLAW_BACKUP_GIGABYTES = 0
    sea.write("three")
    with pytest.raises(BackupFailed, match="CLAW_BACKUP_GIGABYTES"):
        sea.collector.collect()
    with pytest.raises(BackupFailed, match="CLAW_BACKUP_GIGABYTES"):
        sea.snapshot()
    assert sea.collector.spool.parts() == []


def test_a_database_that_is_not_ours_is_refused(sea: Sea) -> None:
    identity = own_identity()
    assert identity is not None
    stores = Joined([sea.store])
    with pytest.raises(BadArchive, match="cannot be read"):
        recover(
            stores,
            plan(stored(stores)),
            sea.home / "new",
            identity=identity,
            check=partial(check_ours, like=sea.database),
        )
    assert not (sea.home / "new").exists()


@pytest.mark.parametrize("name", ["log/x/1-2.seg", "log/../../etc/passwd", "clawsite-1.tar.zst.age", "log/"])
def test_what_has_no_name_of_ours_is_no_part(name: str) -> None:
    assert find_part(name) is None


def test_a_name_tells_the_part(sea: Sea) -> None:
    for part in stored(sea.store):
        assert find_part(part.name, size=part.size) == part
