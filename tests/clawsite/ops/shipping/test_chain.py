"""What is committed is in the chain, each moment can be recovered, and whatever could hide a gap begins a new chain."""

from __future__ import annotations

import contextlib
import itertools
import os
import random
import subprocess
import sys
import time
from functools import partial

import pytest

from clawsite.ops.backups.errors import BackupFailed
from clawsite.ops.shipping.collecting import MOST_UNSETTLED
from clawsite.ops.shipping.errors import Gap
from clawsite.ops.shipping.names import only
from clawsite.ops.shipping.sending import forget, stored
from tests.clawsite.ops.shipping.sea import Sea, check_numbers, dump, fail_to_write, texts, writers
from tests.faults.stack import ROOT, wait_for


def test_all_that_was_committed_comes_back(sea: Sea) -> None:
    sea.write("before")
    sea.snapshot(anew=True)
    sea.write("one", "two")
    sea.ship()
    sea.write("three")
    sea.ship()
    assert texts(sea.recover()) == ["before", "one", "two", "three"]


def test_a_moment_has_what_was_committed_then_and_no_more(sea: Sea) -> None:
    sea.snapshot(anew=True)
    moments = []
    for number in range(5):
        sea.write(str(number))
        sea.ship()
        moments.append(time.time_ns() // 1_000_000)
        time.sleep(0.002)
    for number, moment in enumerate(moments):
        assert texts(sea.recover(until=moment)) == [str(each) for each in range(number + 1)]


def test_nothing_new_is_nothing_to_copy(sea: Sea) -> None:
    sea.snapshot(anew=True)
    sea.write("one")
    assert sea.collector.collect()
    assert not sea.collector.collect()


def test_what_is_not_committed_is_not_copied(sea: Sea) -> None:
    sea.keep_log()
    sea.snapshot(anew=True)
    with sea.open() as connection:
        connection.execute("PRAGMA cache_size=-20")
        connection.execute("BEGIN IMMEDIATE")
        for _ in range(200):  # more than fits into the cache: pages of it are in the log already
            connection.execute("INSERT INTO rows (text) VALUES (?)", ["lost" * 500])
        sea.ship()
        connection.rollback()
    sea.write("kept")
    sea.ship()
    assert texts(sea.recover()) == ["kept"]


def test_a_database_that_shrinks_is_as_small_afterwards(sea: Sea) -> None:
    sea.write(*("x" * 4000 for _ in range(100)))
    sea.snapshot(anew=True)
    with sea.open() as connection:
        connection.execute("DELETE FROM rows")
        connection.execute("VACUUM")
    sea.ship()
    assert sea.recover().stat().st_size < 20_000


def test_under_writers_nothing_is_missing_however_often_the_log_begins_anew(sea: Sea) -> None:
    sea.snapshot(anew=True)
    chain = sea.state.chain
    salts: set[object] = set()
    modes = itertools.cycle(["PASSIVE", "FULL"])
    begun = time.monotonic()
    with writers(sea), sea.open(timeout=0.01) as foreign:
        while (passed := time.monotonic() - begun) < 2 or (len(salts) <= 5 and passed < 60):
            foreign.execute(f"PRAGMA wal_checkpoint({next(modes)})").fetchall()
            sea.collector.shorten()
            sea.ship()
            salts.add(sea.state.position.salt)
    sea.ship()
    assert sea.state.chain == chain
    assert len(salts) > 5
    assert dump(sea.recover()) == dump(sea.database)


def test_a_log_that_is_begun_anew_by_half_is_gone_on_with(sea: Sea) -> None:
    sea.snapshot(anew=True)
    sea.write("one", "two")
    sea.collector.shorten()
    chain, copied = sea.state.chain, sea.state.position
    # The header that begins the log anew cannot be written, when all connections know already that it is empty.
    assert "OperationalError" in fail_to_write(sea.database)
    sea.ship()
    assert copied.frames
    assert not sea.state.position.frames
    sea.write("three")
    sea.ship()
    assert sea.state.chain == chain
    assert sea.state.position.salt != copied.salt
    assert texts(sea.recover()) == ["one", "two", "three"]


def test_a_log_that_was_begun_anew_by_half_while_nobody_held_it_begins_a_new_chain(sea: Sea) -> None:
    sea.snapshot(anew=True)
    sea.write("one", "two")
    sea.collector.shorten()
    sea.collector.close()
    assert "OperationalError" in fail_to_write(sea.database)
    sea.begin()
    assert not any(sea.collector.collect() for _ in range(MOST_UNSETTLED - 1))
    with pytest.raises(Gap, match="begun anew"):
        sea.collector.freeze(anew=False)  # a snapshot may be due just then
    sea.snapshot(anew=True)
    chain = sea.state.chain
    sea.write("three")
    sea.ship()
    assert sea.state.chain == chain
    assert texts(sea.recover()) == ["one", "two", "three"]


def test_a_log_whose_beginning_was_rolled_back_is_gone_on_with(sea: Sea) -> None:
    sea.snapshot(anew=True)
    sea.write("one", "two")
    sea.collector.shorten()
    chain = sea.state.chain
    with sea.open() as connection:
        connection.execute("PRAGMA cache_size=-20")
        connection.execute("BEGIN IMMEDIATE")
        for _ in range(50):  # more than fits into the cache: so the log has a new header
            connection.execute("INSERT INTO rows (text) VALUES (?)", ["lost" * 500])
        connection.rollback()
    sea.ship()
    sea.write("three")  # a writer that never began a log takes any salt
    sea.ship()
    assert sea.state.chain == chain
    assert texts(sea.recover()) == ["one", "two", "three"]


def test_a_log_that_was_emptied_when_all_was_copied_is_gone_on_with(sea: Sea) -> None:
    sea.snapshot(anew=True)
    sea.write("one", "two")
    sea.collector.shorten()
    chain = sea.state.chain
    with sea.open() as connection:
        for _ in range(2):
            assert connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone() == (0, 0, 0)
    sea.ship()
    sea.write("three")
    sea.ship()
    assert sea.state.chain == chain
    assert texts(sea.recover()) == ["one", "two", "three"]


def test_a_log_that_somebody_removed_begins_a_new_chain(sea: Sea) -> None:
    sea.snapshot(anew=True)
    sea.write("one")
    sea.ship()
    sea.database.with_name(f"{sea.database.name}-wal").unlink()
    with pytest.raises(Gap, match="gone"):
        sea.collector.collect()


def test_a_foreign_checkpoint_that_empties_the_log_costs_a_snapshot_and_nothing_else(sea: Sea) -> None:
    sea.snapshot(anew=True)
    chains = set()
    end = time.monotonic() + 2
    with writers(sea), sea.open(timeout=0.01) as foreign:
        while time.monotonic() < end:
            foreign.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
            try:
                sea.collector.shorten()
                sea.ship()
            except Gap:
                sea.snapshot(anew=True)
            chains.add(sea.state.chain)
    with contextlib.suppress(Gap):
        sea.ship()
    sea.snapshot(anew=True)
    sea.ship()
    for moment in [part.moment for part in stored(sea.store)]:
        check_numbers(texts(sea.recover(until=moment)))
    assert dump(sea.recover()) == dump(sea.database)


def test_a_snapshot_taken_while_others_write_is_of_one_moment(sea: Sea) -> None:
    sea.snapshot(anew=True)
    with writers(sea):
        for _ in range(3):
            sea.ship()
            sea.snapshot()
    sea.send()
    for part in only("snap", stored(sea.store)):
        check_numbers(texts(sea.recover(until=part.moment)))
    sea.ship()
    assert dump(sea.recover()) == dump(sea.database)


def test_another_process_goes_on_with_the_chain(sea: Sea) -> None:
    sea.snapshot(anew=True)
    sea.write("one")
    sea.ship()
    chain = sea.state.chain
    sea.keep_log()
    sea.collector.close()
    sea.write("two")
    sea.begin()
    sea.ship()
    assert sea.state.chain == chain
    assert texts(sea.recover()) == ["one", "two"]


def test_who_died_after_the_segment_and_before_the_state_copies_it_again(sea: Sea) -> None:
    sea.keep_log()
    sea.snapshot(anew=True)
    saved = (sea.collector.spool.root / "state.json").read_bytes()
    sea.write("one")
    sea.ship()
    (sea.collector.spool.root / "state.json").write_bytes(saved)
    sea.collector.abandon()
    sea.write("two")
    sea.begin()
    sea.ship()
    sea.write("three")
    sea.ship()
    assert [part.number for part in only("seg", stored(sea.store))] == [1, 1, 2]
    assert texts(sea.recover()) == ["one", "two", "three"]


def test_a_log_that_was_emptied_meanwhile_begins_a_new_chain(sea: Sea) -> None:
    sea.snapshot(anew=True)
    sea.write("one")
    sea.ship()
    sea.collector.close()
    sea.write("missed")
    with sea.open() as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    sea.write("two")
    sea.begin()
    with pytest.raises(Gap):
        sea.collector.collect()
    sea.snapshot(anew=True)
    sea.ship()
    assert texts(sea.recover()) == ["one", "missed", "two"]


def test_a_hole_in_the_store_is_told_and_what_is_before_it_recovered(sea: Sea) -> None:
    sea.snapshot(anew=True)
    for text in ("one", "two", "three"):
        sea.write(text)
        sea.ship()
    missing = only("seg", stored(sea.store))[1]
    sea.store.delete(missing.name)
    with pytest.raises(BackupFailed, match="missing"):
        sea.recover()
    assert texts(sea.recover(until=missing.moment)) == ["one"]


def test_what_leads_only_to_old_moments_is_forgotten(sea: Sea) -> None:
    sea.snapshot(anew=True)
    sea.write("one")
    sea.ship()
    sea.snapshot()
    sea.write("two")
    sea.ship()
    snapshots = only("snap", stored(sea.store))
    assert forget(sea.store, keep=60_000) == 0
    assert forget(sea.store, keep=0) == 2
    assert texts(sea.recover()) == ["one", "two"]
    assert texts(sea.recover(until=snapshots[1].moment)) == ["one"]
    with pytest.raises(BackupFailed, match="so old"):
        sea.recover(until=snapshots[1].moment - 1)


def test_whoever_ships_may_be_killed_at_any_moment(sea: Sea) -> None:
    """Killed again and again while others write; each next one goes on, or sees that it cannot and begins anew."""
    sea.collector.abandon()
    sea.other.executescript(
        "CREATE TABLE django_migrations (id INTEGER PRIMARY KEY, app TEXT, name TEXT, applied TEXT);"
        "INSERT INTO django_migrations VALUES (1, 'core', '0001_initial', '2026-11-26 12:00:00.000001')"
    )  # by which an installation is known
    chance = random.Random(22)
    with writers(sea):
        for _ in range(2):
            count = len(stored(sea.store))
            shipper = start_shipper(sea)
            try:
                wait_for(partial(has_more, sea, count), timeout=60, what="something is shipped")
                time.sleep(chance.uniform(0.0, 0.3))
            finally:
                shipper.kill()
                shipper.wait()
    sea.begin().spool.clear()
    try:
        sea.collector.collect()
    except Gap:
        sea.snapshot(anew=True)
    sea.send()
    assert dump(sea.recover()) == dump(sea.database)


def start_shipper(sea: Sea) -> subprocess.Popen[bytes]:
    """A process of its own that ships as the worker does."""
    script = "import asyncio, django; django.setup(); from clawsite.ops.shipping.work import ship; asyncio.run(ship())"
    own = {"CLAW_HOME": str(sea.home), "CLAW_BACKUP_DIR": str(sea.home.parent / "store"), "CLAW_SHIPPING_SECONDS": "1"}
    return subprocess.Popen([sys.executable, "-c", script], env=os.environ | own, cwd=ROOT)


def has_more(sea: Sea, count: int) -> bool:
    """Tell whether there are more parts in the store than that."""
    return len(stored(sea.store)) > count
