"""Base backups of PostgreSQL by their names alone: which one is the newest, and what of the log each still needs."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.conf import LazySettings

from clawsite.ops.backups.errors import BackupFailed
from clawsite.ops.backups.stores import FolderStore
from clawsite.ops.shipping.postgres.archiving import Archiving, bases
from clawsite.ops.shipping.postgres.names import Base, is_needed, wal_name
from clawsite.ops.shipping.spool import Spool, now
from clawsite.ops.shipping.work import MAX_PAUSE_SECONDS, longer

DAY = 86_400_000
OLD = now() - 10 * DAY


def wal(number: int, *, timeline: int = 1) -> str:
    return f"{timeline:08X}{number:016X}"


def forget(place: Path, *names: str, keep: int = DAY) -> set[str]:
    """Return what is left of these names when only what leads to the last day, or as much as is said, stays."""
    for name in names:
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).touch()
    Archiving(place, Spool(place / "archive"), [FolderStore(place)]).forget(keep=keep)
    return {each.name for each in FolderStore(place).list()}


def test_the_log_of_a_server_that_was_put_back_to_a_moment_stays() -> None:
    """It counts on from that moment, so its files have lower numbers than a base backup from after that moment."""
    base = Base(moment=OLD, first=wal(55))
    assert is_needed(wal(46, timeline=2), base)
    assert is_needed("00000002.history", base)
    assert not is_needed(wal(46), base)


def test_the_log_of_another_server_in_the_place_of_the_first_stays(tmp_path: Path) -> None:
    before, last = Base(moment=OLD - DAY, first=wal(30)).name, Base(moment=OLD, first=wal(55)).name
    new = Base(moment=OLD + DAY, first=wal(2)).name
    kept = {last, new, wal_name(wal(2)), wal_name(wal(55))}
    assert forget(tmp_path, before, wal_name(wal(1)), *kept) == kept


def test_a_clock_that_was_ahead_makes_no_base_backup_the_newest(tmp_path: Path) -> None:
    last, ahead = Base(moment=OLD, first=wal(55)), Base(moment=now() + 300 * DAY, first=wal(20))
    assert forget(tmp_path, last.name, ahead.name, wal_name(wal(20)), keep=0) == {last.name, ahead.name}
    assert bases(FolderStore(tmp_path)) == [last]


def test_a_base_backup_waits_for_the_store_that_did_not_take_it(tmp_path: Path) -> None:
    """Nobody asks the server for another one meanwhile: there is none here."""
    spool, good, broken = Spool(tmp_path), FolderStore(tmp_path / "good"), FolderStore(tmp_path / "broken")
    base, old = Base(moment=now(), first=wal(55)), Base(moment=OLD, first=wal(30))
    for each in (base, old):
        (spool.root / each.name.replace("/", "-")).touch()
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "pgbase").touch()  # in the way of the folder
    archiving = Archiving(tmp_path, spool, [broken, good])
    with pytest.raises(BackupFailed, match="broken cannot be written"):
        archiving.back_up()
    assert bases(good) == [base]
    archiving.clear()
    assert [path.name for path in spool.root.iterdir()] == [base.name.replace("/", "-")]

    (tmp_path / "broken" / "pgbase").unlink()
    assert archiving.back_up()
    assert bases(broken) == [base]
    assert not list(spool.root.iterdir())
    assert not archiving.back_up()


@pytest.mark.parametrize(("seen", "goes_on"), [(wal(56), True), (wal(2), False), (wal(56, timeline=2), False)])
def test_a_server_whose_log_does_not_go_on_from_a_base_backup_needs_another(
    seen: str, goes_on: bool, tmp_path: Path, settings: LazySettings
) -> None:
    """The first is the same server, the second another one in its place, the third was put back to a moment."""
    settings.CLAW_HOME, store = tmp_path / "home", FolderStore(tmp_path / "store")
    name = Base(moment=now(), first=wal(55)).name
    (store.root / name).parent.mkdir(parents=True)
    (store.root / name).touch()
    (tmp_path / "00000009.history").touch()
    (tmp_path / seen).touch()
    archiving = Archiving(tmp_path, Spool(tmp_path), [store])
    assert not archiving._is_due(store), "nothing is known yet"
    archiving.send()
    assert archiving._is_due(store) is not goes_on


def test_a_jump_of_the_clock_ages_base_backups_by_a_day(tmp_path: Path) -> None:
    names = [Base(moment=OLD + day * DAY, first=wal(500 + day)).name for day in (-400, 0, 1)]
    assert forget(tmp_path, *names, keep=2 * DAY + 1) == set(names)
    assert forget(tmp_path, *names, keep=DAY) == set(names[1:])


def test_what_a_killed_process_left_half_done_is_removed(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    (spool.root / "base").mkdir()
    for left in ("base/base.tar", wal_name(wal(1)).replace("/", "-"), "lock"):
        (spool.root / left).touch()
    Archiving(tmp_path, spool, []).clear()
    assert [path.name for path in spool.root.iterdir()] == ["lock"]


def test_what_fails_is_not_done_more_often_than_what_succeeds() -> None:
    assert [longer(1.0, 1.0), longer(300.0, 300.0), longer(50.0, 1.0)] == [2.0, 300.0, MAX_PAUSE_SECONDS]
