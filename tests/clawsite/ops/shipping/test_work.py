"""The work of the worker: one process ships, a store that fails holds nothing up, a full disk lets the log go."""

from __future__ import annotations

import asyncio
import os
import socket
import threading
from collections.abc import Iterator
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest
from django.conf import LazySettings

from clawsite.core.errors import ClawError
from clawsite.ops.backups import places
from clawsite.ops.backups.errors import BackupFailed, BadArchive
from clawsite.ops.backups.joined import Joined
from clawsite.ops.backups.owner import claim
from clawsite.ops.backups.stores import FolderStore
from clawsite.ops.shipping import snapshots, work
from clawsite.ops.shipping.names import Part, only
from clawsite.ops.shipping.sending import Sender, forget, stored
from clawsite.ops.shipping.spool import FOLDER, SPOOL_BYTES, Spool, now
from clawsite.ops.shipping.status import shipped
from tests.clawsite.ops.shipping.sea import Sea, texts
from tests.faults.stack import wait_for


@pytest.fixture
def sea(tmp_path: Path, settings: LazySettings) -> Iterator[Sea]:
    settings.CLAW_HOME = tmp_path / "home"
    settings.CLAW_BACKUP_DIR = str(tmp_path / "store")
    settings.CLAW_SHIPPING_SECONDS = 1
    made = Sea(tmp_path)
    made.collector.abandon()
    yield made
    made.other.close()


async def ship(sea: Sea, *, until: str, last: str = "") -> None:
    """Work until the store leads to a text; then write another one and end."""
    task = asyncio.create_task(work.Shipping(Spool(sea.home), sea.database).run())
    await asyncio.to_thread(wait_for, lambda: _leads_to(sea, until), timeout=30, what=f"{until} is in the store")
    if last:
        sea.write(last)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def _leads_to(sea: Sea, text: str) -> bool:
    return bool(only("snap", stored(sea.store))) and text in texts(sea.recover())


@pytest.mark.sqlite
def test_a_process_begins_and_the_next_goes_on(sea: Sea) -> None:
    sea.write("one")
    asyncio.run(ship(sea, until="one"))
    sea.write("two")
    asyncio.run(ship(sea, until="two"))
    found = shipped()
    assert found is not None
    assert found.waiting == 0
    assert found.lag is not None
    assert found.lag < 30


def test_what_is_committed_until_the_end_is_shipped(sea: Sea) -> None:
    sea.write("one")
    asyncio.run(ship(sea, until="one", last="two"))
    assert texts(sea.recover()) == ["one", "two"]


def test_two_processes_do_not_ship_the_same(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    assert spool.take()
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        os.write(writer, b"yes" if Spool(tmp_path).take() else b"no")
        os._exit(0)
    os.waitpid(child, 0)
    assert os.read(reader, 3) == b"no"
    spool.release()
    assert Spool(tmp_path).take()


def test_a_store_that_fails_keeps_nothing_that_is_old_in_the_others(
    sea: Sea, tmp_path: Path, settings: LazySettings
) -> None:
    sea.begin()
    for _ in range(2):
        sea.snapshot(anew=True)
        sea.send()
    sea.collector.close()
    settings.CLAW_SHIPPING_HOURS = 0
    shipping = work.Shipping(Spool(sea.home), sea.database)
    broken = tmp_path / "broken"
    broken.touch()
    shipping._stores = [FolderStore(broken), sea.store]
    with pytest.raises(BackupFailed, match="broken cannot be"):
        shipping._forget()
    assert len(stored(sea.store)) == 1


def send_three(sea: Sea, local: FolderStore) -> list[Part]:
    """Have two stores take a snapshot and three segments; return those."""
    collector = sea.begin()
    sea.snapshot(anew=True)
    for text in ("one", "two", "three"):
        sea.write(text)
        collector.collect()
        Sender(collector.spool, [local, sea.store]).send()
    collector.close()
    return only("seg", stored(local))


def test_what_one_store_lacks_another_has(sea: Sea, tmp_path: Path) -> None:
    local = FolderStore(tmp_path / "local")
    first, second, third = send_three(sea, local)
    local.delete(second.name)
    local.delete(third.name)
    sea.store.delete(first.name)
    assert texts(sea.recover(source=Joined([local, sea.store]))) == ["one", "two", "three"]


def test_what_one_store_has_damaged_another_gives_and_it_is_said_which(sea: Sea, tmp_path: Path) -> None:
    local = FolderStore(tmp_path / "local")
    first, second, third = send_three(sea, local)
    snapshot = only("snap", stored(local))[0]
    damage(local.root / snapshot.name)
    damage(local.root / second.name)
    (local.root / third.name).unlink()
    (local.root / third.name).symlink_to("elsewhere")  # is in the list, and cannot be opened
    (sea.place / first.name).write_bytes((sea.place / second.name).read_bytes())
    stores = Joined([local, sea.store])
    assert texts(sea.recover(source=stores)) == ["one", "two", "three"]
    assert stores.spoilt == {local.label: 3}
    assert f"{local.label} did not give 3 of its files whole" in stores.tell_spoilt()[0]
    assert texts(sea.recover(source=Joined([sea.store, local]))) == ["one", "two", "three"]
    damage(sea.place / second.name)
    with pytest.raises(BadArchive, match=f"{local.label} and in {sea.store.label}: The archive is damaged"):
        sea.recover(source=Joined([local, sea.store]))


def damage(path: Path) -> None:
    """Change the end of a file, which is behind most of what it holds."""
    data = bytearray(path.read_bytes())
    data[-20] ^= 1
    path.write_bytes(data)


def test_a_place_that_cannot_be_looked_into_is_not_taken_for_an_empty_one(sea: Sea, tmp_path: Path) -> None:
    sea.begin()
    sea.snapshot(anew=True)
    sea.send()
    sea.collector.close()
    unplugged = tmp_path / "unplugged"
    assert texts(sea.recover(source=Joined([FolderStore(unplugged), sea.store]))) == []
    unplugged.touch()
    with pytest.raises(BackupFailed, match=r"unplugged cannot be read: .* with another folder in CLAW_BACKUP_DIR"):
        sea.recover(source=Joined([sea.store, FolderStore(unplugged)]))


def test_a_machine_that_is_replaced_goes_on_behind_what_its_store_has(sea: Sea) -> None:
    sea.begin()
    sea.snapshot(anew=True)
    ahead = f"{now() + 365 * snapshots.DAY:013d}-00000000"  # as all chains after a clock that was ahead once
    sea.place.joinpath("log").mkdir(parents=True)
    sea.send()
    sea.place.joinpath("log", sea.state.chain).rename(sea.place / "log" / ahead)
    sea.collector.close()
    (sea.home / FOLDER / "state.json").unlink()
    shipping = work.Shipping(Spool(sea.home), sea.database)
    assert _goes_on(shipping)
    shipping._end()
    parts = stored(sea.store)
    assert [part.chain == ahead for part in parts] == [True, False]
    assert forget(sea.store, keep=0) == 1
    assert stored(sea.store) == parts[1:], "the newer one is not taken for the old one"


def test_a_state_that_names_no_start_of_the_machine_begins_a_new_chain_and_alarms_nobody(
    sea: Sea, caplog: pytest.LogCaptureFixture
) -> None:
    sea.begin()
    sea.snapshot(anew=True)
    sea.collector.close()
    spool, chain = Spool(sea.home), sea.state.chain
    sea.state.boot = ""  # as older versions wrote it
    spool.save(sea.state)
    shipping = work.Shipping(spool, sea.database)
    shipping._collect()
    assert _goes_on(shipping)
    shipping._end()
    assert stored_chain(sea) > chain
    assert caplog.records == []


def test_a_disk_that_was_put_back_begins_a_new_chain(sea: Sea) -> None:
    sea.keep_log()
    sea.begin()
    sea.snapshot(anew=True)
    state = sea.collector.spool.root / "state.json"
    saved = state.read_bytes()
    sea.write("one")
    sea.ship()
    sea.snapshot()
    sea.send()
    sea.collector.abandon()
    chain = stored_chain(sea)
    state.write_bytes(saved)
    sea.write("two")
    shipping = work.Shipping(Spool(sea.home), sea.database)
    assert _goes_on(shipping)
    wait_for(lambda: _goes_on(shipping) and stored_chain(sea) != chain, timeout=30, what="a new chain")
    wait_for(lambda: _goes_on(shipping) and shipping._frozen is None, timeout=30, what="its snapshot")
    shipping._end()
    assert texts(sea.recover()) == ["one", "two"]


def test_a_disk_from_before_the_newest_chain_does_not_go_on_with_an_older_one(sea: Sea) -> None:
    sea.begin()
    sea.snapshot(anew=True)
    saved = (sea.home / FOLDER / "state.json").read_bytes()
    sea.snapshot(anew=True)
    sea.send()
    newest = stored_chain(sea)
    sea.collector.close()
    (sea.home / FOLDER / "state.json").write_bytes(saved)
    sea.write("one")
    shipping = work.Shipping(Spool(sea.home), sea.database)
    shipping._collect()
    assert _goes_on(shipping)
    shipping._end()
    assert stored_chain(sea) > newest
    assert texts(sea.recover()) == ["one"], "the snapshot of the chain in between is not taken for the newest state"


def test_a_store_of_another_installation_gets_nothing_and_loses_nothing(sea: Sea) -> None:
    sea.begin()
    sea.snapshot(anew=True)
    sender = Sender(sea.collector.spool, [sea.store], claim=partial(claim, own="ours"))
    assert sender.send() == 1
    kept = stored(sea.store)
    sea.snapshot()
    foreign = partial(claim, own="another")
    with pytest.raises(BackupFailed, match="another installation"):
        Sender(sea.collector.spool, [sea.store], claim=foreign).send()
    with pytest.raises(BackupFailed, match="another installation"):
        work.Shipping(sea.collector.spool, sea.database, claim=foreign)._forget()
    assert stored(sea.store) == kept
    assert sender.send() == 1
    sea.collector.close()


def test_a_store_that_never_answers_holds_up_neither_the_log_nor_the_copying(
    sea: Sea, settings: LazySettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    sea.keep_log()
    sea.begin()
    sea.snapshot(anew=True)
    sea.write("one")
    sea.ship()
    sea.collector.abandon()
    sea.write("two")
    monkeypatch.setitem(places._QUICK, "request", timedelta(milliseconds=200))
    with socket.create_server(("127.0.0.1", 0)) as silent:
        settings.CLAW_BACKUP_S3 = f"s3://claw/log?endpoint=http://127.0.0.1:{silent.getsockname()[1]}"
        settings.CLAW_BACKUP_S3_KEY, settings.CLAW_BACKUP_S3_SECRET = "key", "secret"
        shipping = work.Shipping(Spool(sea.home), sea.database)
        working = threading.Thread(target=shipping._collect, daemon=True)
        working.start()
        working.join(60)  # the patience of other requests is ten minutes
    state = Spool(sea.home).load()
    assert state is not None
    assert state.number == sea.state.number + 1
    shipping._let_go()


def test_a_full_disk_lets_the_log_go_and_a_chain_begins_afterwards(sea: Sea) -> None:
    """The folder of the spool is replaced by a file, so that nothing can be written there."""
    shipping = work.Shipping(Spool(sea.home), sea.database)
    shipping._collect()
    shipping._take_snapshot()
    chain = sea.home / "shipping" / stored_chain(sea)
    sea.write("one")
    hidden = chain.rename(chain.with_name("hidden"))
    chain.write_text("in the way")
    with pytest.raises(OSError, match=chain.name):
        shipping._collect()
    with sea.open() as connection:
        assert connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0] == 0, "nobody holds the log"
    sea.write("two")
    chain.unlink()
    hidden.rename(chain)
    wait_for(lambda: _goes_on(shipping) and stored_chain(sea) != chain.name, timeout=30, what="a new chain")
    wait_for(lambda: _goes_on(shipping) and shipping._frozen is None, timeout=30, what="its snapshot")
    shipping._end()
    assert len({part.chain for part in stored(sea.store)}) == 2
    assert texts(sea.recover()) == ["one", "two"]


def test_of_a_database_that_is_too_large_nothing_is_copied_in_vain(sea: Sea, settings: LazySettings) -> None:
    settings.CLAW_BACKUP_GIGABYTES = 0
    shipping = work.Shipping(Spool(sea.home), sea.database)
    with pytest.raises(BackupFailed, match="Set CLAW_BACKUP_GIGABYTES to 1"):
        shipping._collect()
    assert (shipping._frozen, shipping._collector) == (None, None)
    settings.CLAW_BACKUP_GIGABYTES = 1
    assert _goes_on(shipping)
    assert shipping._frozen is None
    shipping._end()
    assert texts(sea.recover()) == []


def test_a_key_that_cannot_be_used_lets_the_log_go(sea: Sea, settings: LazySettings) -> None:
    shipping = work.Shipping(Spool(sea.home), sea.database)
    shipping._collect()
    shipping._take_snapshot()
    settings.CLAW_BACKUP_RECIPIENT = "nobody"
    sea.write("one")
    with pytest.raises(ClawError):
        shipping._collect()
    with sea.open() as connection:
        assert connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0] == 0, "nobody holds the log"


def test_when_too_much_waits_for_the_stores_the_log_is_let_go(sea: Sea) -> None:
    shipping = work.Shipping(Spool(sea.home), sea.database)
    shipping._collect()
    shipping._take_snapshot()
    spool = Spool(sea.home)
    waits = spool.path(Part(chain=stored_chain(sea), number=9, moment=now(), kind="seg"))
    waits.touch()
    os.truncate(waits, SPOOL_BYTES + 1)  # a hole, which takes no room
    sea.write("one")
    with pytest.raises(BackupFailed, match="So much waits"):
        shipping._collect()
    with sea.open() as connection:
        assert connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0] == 0, "nobody holds the log"


def _goes_on(shipping: work.Shipping) -> bool:
    shipping._collect()
    shipping._take_snapshot()
    return True


def stored_chain(sea: Sea) -> str:
    """The name of the chain that has begun."""
    state = Spool(sea.home).load()
    assert state is not None
    return state.chain


def test_nothing_is_told_where_nothing_is_shipped(settings: LazySettings) -> None:
    settings.CLAW_SHIPPING_SECONDS = 0
    assert shipped() is None


@pytest.mark.sqlite
def test_the_lag_counts_from_the_oldest_part_that_waits(sea: Sea) -> None:
    collector = sea.begin()
    sea.snapshot(anew=True)
    found = shipped()
    assert found is not None
    assert found.lag is not None
    assert found.waiting == 1
    assert found.lag * 1000 <= now() - only("snap", collector.spool.parts())[0].moment + 50
    collector.close()
