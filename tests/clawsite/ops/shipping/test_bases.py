"""Base backups of PostgreSQL by their names alone: which one is the newest, and what of the log each still needs."""

from __future__ import annotations

import os
import shutil
import struct
import time
from collections import namedtuple
from pathlib import Path

import pytest
from django.conf import LazySettings

from clawsite.core.addresses import read_database_url
from clawsite.core.errors import BadInput, ClawError
from clawsite.ops.backups.errors import BackupFailed
from clawsite.ops.backups.identity import own_identity
from clawsite.ops.backups.joined import Joined
from clawsite.ops.backups.stores import FolderStore
from clawsite.ops.shipping import status
from clawsite.ops.shipping.postgres.archiving import LEAST_FREE, Archiving, bases
from clawsite.ops.shipping.postgres.bases import take_base
from clawsite.ops.shipping.postgres.clusters import LOG, make_cluster
from clawsite.ops.shipping.postgres.files import wrap
from clawsite.ops.shipping.postgres.names import BASELESS, Base, Wal, is_needed
from clawsite.ops.shipping.postgres.timelines import End, read_line
from clawsite.ops.shipping.spool import Spool, now
from clawsite.ops.shipping.status import shipped
from clawsite.ops.shipping.work import MAX_PAUSE_SECONDS, longer
from tests.ports import free_port

DAY = 86_400_000
Usage = namedtuple("Usage", "total used free")
OLD = now() - 10 * DAY
SYSTEM = "0"  # that of files without a head


def wal(number: int, *, timeline: int = 1) -> str:
    return f"{timeline:08X}{number:016X}"


def wal_name(file: str, *, system: str = SYSTEM) -> str:
    return Wal(system=system, file=file).name


def made(moment: int, number: int, *, system: str = SYSTEM) -> Base:
    return Base(moment=moment, first=wal(number), system=system)


def forget(place: Path, *names: str, keep: int = DAY) -> set[str]:
    """Return what is left of these names when only what leads to the last day, or as much as is said, stays."""
    for name in names:
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).touch()
    Archiving(place, Spool(place / "archive"), [FolderStore(place)]).forget(keep=keep)
    return {each.name for each in FolderStore(place).list()}


def test_the_log_of_a_server_that_was_put_back_to_a_moment_stays() -> None:
    """It counts on from that moment, so its files have lower numbers than a base backup from after that moment."""
    base = made(OLD, 55)
    for file, needed in ((wal(46, timeline=2), True), ("00000002.history", True), (wal(46), False)):
        assert is_needed(Wal(system=SYSTEM, file=file), base) is needed
    assert not is_needed(Wal(system="7", file=wal(56)), base)


def segment(folder: Path, number: int, *, system: int, timeline: int = 1) -> None:
    """Write the head of a file of the log as a server does."""
    head = struct.pack("=HHIQIxxxxQ", 0xD110, 2, timeline, 0, 0, system)
    (folder / wal(number, timeline=timeline)).write_bytes(head)


def test_another_server_in_the_place_of_the_first_writes_over_nothing(tmp_path: Path, settings: LazySettings) -> None:
    """It counts from 1 again. What is no segment belongs to the one that follows, or that came before a restart."""
    settings.CLAW_HOME, store = tmp_path / "home", FolderStore(tmp_path / "store")
    folder = tmp_path / "archive"
    folder.mkdir()
    archiving = Archiving(folder, Spool(folder), [store])
    (folder / "00000002.history").touch()
    assert archiving.send() == 0, "nobody knows whose it is yet"
    segment(folder, 1, system=5, timeline=2)
    assert archiving.send() == 2
    first = {each.name for each in store.list()}
    assert first == {wal_name(file, system="5") for file in ("00000002.history", wal(1, timeline=2))}
    base = store.root / Base(moment=now(), first=wal(1, timeline=2), system="5").name
    base.parent.mkdir()
    base.touch()
    assert not archiving._is_due(store)

    (folder / "00000003.history").touch()
    assert archiving.send() == 1
    segment(folder, 1, system=6, timeline=2)
    (folder / "00000002.history").touch()
    assert archiving.send() == 2
    second = {wal_name(file, system="6") for file in ("00000002.history", wal(1, timeline=2))}
    assert {each.name for each in store.list("pgwal/")} == first | second | {wal_name("00000003.history", system="5")}
    assert archiving._is_due(store)


def test_what_still_waits_of_the_server_before_asks_for_no_base_backup(tmp_path: Path, settings: LazySettings) -> None:
    """Its files have the higher numbers, and stay for as long as a store is away."""
    settings.CLAW_HOME, store = tmp_path / "home", FolderStore(tmp_path / "store")
    folder, away = tmp_path / "archive", tmp_path / "away"
    folder.mkdir()
    away.touch()
    archiving = Archiving(folder, Spool(folder), [store, FolderStore(away)])
    for number, system in ((9, 5), (1, 6)):
        segment(folder, number, system=system)
        with pytest.raises(BackupFailed):
            archiving.send()
    base = store.root / Base(moment=now(), first=wal(1), system="6").name
    base.parent.mkdir()
    base.touch()
    assert not archiving._is_due(store)


def test_since_when_the_log_has_no_base_backup_to_go_on_from_is_known(
    tmp_path: Path, settings: LazySettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without one nothing that is archived leads to any moment, however well it is copied."""
    settings.CLAW_HOME, settings.CLAW_WAL_DIR, settings.CLAW_ON_SQLITE = tmp_path / "home", str(tmp_path), False
    for key, given in {"HOST": "127.0.0.1", "PORT": free_port()}.items():
        monkeypatch.setitem(settings.DATABASES["default"], key, given)
    monkeypatch.setattr(status, "seconds_behind", lambda: 0.0)
    store = FolderStore(tmp_path / "store")
    archiving = Archiving(tmp_path, Spool(tmp_path), [store])
    for _ in range(2):
        with pytest.raises(ClawError):
            archiving.back_up()
        os.utime(tmp_path / "shipping" / BASELESS, (time.time() - 1200,) * 2)
    assert behind() == pytest.approx(1200, abs=60)
    base = store.root / made(now(), 55).name
    base.parent.mkdir(parents=True)
    base.touch()
    assert not archiving.back_up()
    assert behind() == 0


def behind() -> float | None:
    found = shipped()
    assert found is not None
    return found.lag


@pytest.mark.parametrize(
    ("timeline", "place", "held"),
    [(4, 0x900000, True), (2, 0x600050, True), (2, 0x600051, False), (1, 0x2FFF00, True), (1, 0x300100, False),
     (3, 0x100000, False)],
)  # fmt: skip
def test_a_base_backup_that_was_whole_after_the_moment_that_a_server_was_put_back_to_is_not_on_its_line(
    timeline: int, place: int, held: bool, tmp_path: Path
) -> None:
    history = tmp_path / "00000004.history"
    history.write_text("1\t0/300000\tbefore 2026-11-26 14:03:20+00\n\n2\t0/600050\tno recovery target specified\n")
    base = Base(moment=1, first=wal(1, timeline=timeline), system="5")
    assert read_line(history).holds(base, End(place=place, file=wal(2, timeline=timeline))) is held


class Kept:
    """A store with what a server has left there, whole and sealed, and what a recovery takes of it."""

    def __init__(self, tmp_path: Path) -> None:
        self.store = FolderStore(tmp_path / "store")
        self._place = tmp_path

    def put(self, name: str, inside: str, text: str) -> None:
        source, target = self._place / "source", self.store.root / name
        source.write_text(text)
        target.parent.mkdir(parents=True, exist_ok=True)
        wrap(source, target, name=inside)

    def file(self, name: str, text: str = "") -> None:
        self.put(wal_name(name), name, text)

    def base(self, moment: int, first: int, last: int, *, whole: bool = True) -> Base:
        base = made(moment, first)
        self.put(base.name, "base.tar", "\0" * 1024)
        note = f"STOP WAL LOCATION: 0/{last << 20:X} (file {wal(last)})\nLABEL: pg_basebackup\n"
        self.file(f"{base.first}.00000028.backup", note)
        if whole:
            self.file(wal(last))
        return base

    def choose(self, *, timeline: int | None = None) -> Base:
        identity = own_identity()
        assert identity is not None
        made = make_cluster(Joined([self.store]), self._place / "data", identity=identity, timeline=timeline)
        shutil.rmtree(self._place / "data")
        return made.base


@pytest.fixture
def kept(tmp_path: Path, settings: LazySettings) -> Kept:
    settings.CLAW_HOME = tmp_path / "home"
    return Kept(tmp_path)


def test_a_recovery_begins_with_no_base_backup_that_was_being_taken_at_the_moment_of_an_earlier_one(kept: Kept) -> None:
    """Its first file is of before that moment, and its end was left behind. What was left behind can be asked for."""
    before, during = kept.base(OLD, 3, 3), kept.base(OLD + DAY, 5, 8)
    assert kept.choose() == during
    kept.file("00000002.history", f"1\t0/{6 << 20:X}\tbefore 2026-11-26 14:03:20+00\n")
    assert kept.choose() == before
    assert kept.choose(timeline=1) == during
    with pytest.raises(BadInput, match="timeline 3"):
        kept.choose(timeline=3)


def test_what_a_server_did_not_need_of_its_log_takes_no_room_in_a_recovery(kept: Kept, tmp_path: Path) -> None:
    """It finishes a segment of 16 MiB every five seconds, and there may be a day of them."""
    kept.base(OLD, 1, 1)
    text = "a page" + "\0" * (1 << 20) + "the last of it" + "\0" * 5000
    kept.file(wal(2), text)
    identity = own_identity()
    assert identity is not None
    make_cluster(Joined([kept.store]), tmp_path / "data", identity=identity)
    file = tmp_path / "data" / LOG / wal(2)
    assert file.read_text() == text
    assert file.stat().st_blocks * 512 < len(text) / 2


def test_a_recovery_begins_with_no_base_backup_whose_log_came_to_no_store(kept: Kept) -> None:
    """The machine was gone before: a server would not start with it."""
    kept.base(OLD, 3, 4, whole=False)
    with pytest.raises(BackupFailed, match="leads on from"):
        kept.choose()
    whole = kept.base(OLD - DAY, 1, 2)
    assert kept.choose() == whole


def test_the_log_of_another_server_in_the_place_of_the_first_stays(tmp_path: Path) -> None:
    before, last = made(OLD - DAY, 30).name, made(OLD, 55).name
    new = made(OLD + DAY, 2).name
    kept = {last, new, wal_name(wal(2)), wal_name(wal(55))}
    assert forget(tmp_path, before, wal_name(wal(1)), *kept) == kept


def test_a_clock_that_was_ahead_makes_no_base_backup_the_newest(tmp_path: Path) -> None:
    last, ahead = made(OLD, 55), made(now() + 300 * DAY, 20)
    assert forget(tmp_path, last.name, ahead.name, wal_name(wal(20)), keep=0) == {last.name, ahead.name}
    assert bases(FolderStore(tmp_path)) == [last]


def test_a_base_backup_waits_for_the_store_that_did_not_take_it(tmp_path: Path) -> None:
    """Nobody asks the server for another one meanwhile: there is none here."""
    spool, good, broken = Spool(tmp_path), FolderStore(tmp_path / "good"), FolderStore(tmp_path / "broken")
    base, old = made(now(), 55), made(OLD, 30)
    for each in (base, old):
        (spool.root / each.name.replace("/", "-")).touch()
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "pgbase").touch()  # in the way of the folder
    archiving = Archiving(tmp_path, spool, [broken, good])
    with pytest.raises(BackupFailed, match="broken cannot be written"):
        archiving.back_up()
    assert bases(good) == [base]
    archiving.clear()
    assert {path.name for path in spool.root.iterdir()} == {base.name.replace("/", "-"), BASELESS}

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
    name = made(now(), 55).name
    (store.root / name).parent.mkdir(parents=True)
    (store.root / name).touch()
    (tmp_path / "00000009.history").touch()
    (tmp_path / seen).touch()
    archiving = Archiving(tmp_path, Spool(tmp_path), [store])
    assert not archiving._is_due(store), "nothing is known yet"
    archiving.send()
    assert archiving._is_due(store) is not goes_on


def test_a_jump_of_the_clock_ages_base_backups_by_a_day(tmp_path: Path) -> None:
    names = [made(OLD + day * DAY, 500 + day).name for day in (-400, 0, 1)]
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


def test_a_base_backup_leaves_the_server_room_for_its_log(
    tmp_path: Path, settings: LazySettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It ends when it would fill the disk, and is not begun again before there is more room."""
    settings.CLAW_HOME, program = tmp_path / "home", tmp_path / "bin" / "pg_basebackup"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\necho >>../../begun\nhead -c 5000 /dev/zero >base/base.tar\nsleep 60\n")
    program.chmod(0o700)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    folder = tmp_path / "archive"
    folder.mkdir()
    tar = folder / "shipping" / "base" / "base.tar"

    def usage(path: Path) -> Usage:
        taken = tar.stat().st_size if tar.exists() else 0
        return Usage(LEAST_FREE * 2, 0, LEAST_FREE + 4000 - taken)

    monkeypatch.setattr(shutil, "disk_usage", usage)
    archiving = Archiving(folder, Spool(folder), [FolderStore(tmp_path / "store")])
    for told in ("archive has no room", "archive still has no room"):
        with pytest.raises(BackupFailed, match=told):
            archiving.back_up()
        assert not tar.parent.exists()
    assert len((tmp_path / "begun").read_text().splitlines()) == 1


def test_a_base_backup_connects_as_we_do(
    tmp_path: Path, settings: LazySettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also to a server that asks for the certificate of a client."""
    program, folder = tmp_path / "bin" / "pg_basebackup", tmp_path / "base"
    for place in (program.parent, folder):
        place.mkdir()
    program.write_text("#!/bin/sh\nenv >told\nexit 1\n")
    program.chmod(0o700)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    given = read_database_url("postgres://claw:word@db/claw?sslmode=verify-full&sslcert=/c.pem&sslkey=/k.pem")
    monkeypatch.setitem(settings.DATABASES, "default", given)
    with pytest.raises(BackupFailed):
        take_base(folder)
    told = (tmp_path / "told").read_text().splitlines()
    wanted = {"PGHOST=db", "PGUSER=claw", "PGPASSWORD=word", "PGSSLMODE=verify-full"}
    assert wanted | {"PGSSLCERT=/c.pem", "PGSSLKEY=/k.pem"} <= set(told)
