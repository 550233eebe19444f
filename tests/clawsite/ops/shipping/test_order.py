"""Names alone say what comes after what: whatever the clock does, and whatever a disk forgets."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from clawsite.ops.backups.errors import BackupFailed
from clawsite.ops.backups.moments import parse_moment
from clawsite.ops.shipping import collecting, spool
from clawsite.ops.shipping.ages import ages
from clawsite.ops.shipping.errors import Gap
from clawsite.ops.shipping.names import Kind, Part, only
from clawsite.ops.shipping.recovery import milliseconds, plan
from clawsite.ops.shipping.sending import APART, forget, stored
from tests.clawsite.ops.shipping.sea import Sea, dump, texts

DAY = 86_400_000


class Clock:
    """A clock that is set."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1_800_000_000_000
        for module in (spool, collecting):
            monkeypatch.setattr(module, "now", lambda: self.now)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


def test_a_chain_that_begins_after_the_clock_was_set_back_is_the_newer_one(sea: Sea, clock: Clock) -> None:
    sea.snapshot(anew=True)
    sea.write("one")
    sea.ship()
    clock.now -= DAY
    sea.snapshot(anew=True)
    sea.write("two")
    sea.ship()
    assert texts(sea.recover()) == ["one", "two"]


def test_a_chain_that_began_when_the_clock_was_ahead_makes_no_later_one_forgotten(sea: Sea, clock: Clock) -> None:
    sea.snapshot(anew=True)
    clock.now -= DAY
    sea.snapshot(anew=True)
    for number in range(5):
        clock.now += DAY
        sea.snapshot()
        sea.write(str(number))
        sea.ship()
    assert forget(sea.store, keep=2 * APART)
    assert texts(sea.recover()) == texts(sea.database)


def test_a_moment_that_the_clock_told_twice_is_the_second_and_nothing_is_missing(sea: Sea, clock: Clock) -> None:
    sea.snapshot(anew=True)
    clock.now += 100
    sea.write("one")
    sea.ship()
    clock.now -= 50
    sea.write("two")
    sea.ship()
    assert texts(sea.recover(until=clock.now - 1)) == []
    assert texts(sea.recover(until=clock.now)) == ["one", "two"]


def test_a_clock_that_was_far_ahead_for_a_while_keeps_nothing_for_ever(sea: Sea, clock: Clock) -> None:
    sea.snapshot(anew=True)
    clock.now += 4000 * DAY
    sea.write("one")
    sea.snapshot()
    sea.ship()
    clock.now -= 4000 * DAY - 1
    sea.write("two")
    sea.snapshot()
    sea.ship()
    assert forget(sea.store, keep=0) == 3
    assert texts(sea.recover(until=clock.now)) == ["one", "two"]


@pytest.mark.parametrize("wrong", [0, 1_800_000_000_000 + 4000 * DAY])
def test_a_clock_that_jumps_makes_nothing_forgotten(sea: Sea, clock: Clock, wrong: int) -> None:
    sea.snapshot(anew=True)
    for moment in (clock.now + 2000, wrong, clock.now + 4000):
        clock.now = moment
        sea.write(str(moment))
        sea.snapshot()
        sea.ship()
    assert forget(sea.store, keep=APART + 4001) == 0


def test_what_came_while_the_clock_was_not_set_is_of_no_moment_before(sea: Sea, clock: Clock) -> None:
    sea.snapshot(anew=True)
    before = clock.now
    for moment in (before + 1000, 7, before + 9000):
        clock.now = moment
        sea.write(str(moment))
        sea.snapshot()  # after the segment of the moment before
        sea.ship()
        sea.snapshot()
    sea.send()
    assert texts(sea.recover(until=before + 2000)) == [str(before + 1000)]
    assert texts(sea.recover(until=before + 9000)) == [str(before + 1000), "7", str(before + 9000)]
    early = [part for part in stored(sea.store) if part.moment <= before + 1000]
    assert plan(early).moment == before + 1000, "nobody would believe that it was 1970"


def test_time_is_what_passes_from_part_to_part() -> None:
    assert ages([], most=9) == []
    assert ages([5, 7, 0, 3, 5000, 8], most=9) == [14, 12, 12, 9, 0, 0]


def test_a_moment_to_the_millisecond_is_that_millisecond() -> None:
    assert milliseconds(datetime(2038, 1, 19, 5, 3, 55, 75_000, tzinfo=UTC)) == 2_147_490_235_075  # a float has less


def test_what_a_position_was_not_written_for_is_sent_to_nobody_and_copied_again(sea: Sea) -> None:
    sea.keep_log()
    sea.snapshot(anew=True)
    state = sea.collector.spool.root / "state.json"
    saved = state.read_bytes()
    sea.write("one")
    sea.collector.collect()
    state.write_bytes(saved)
    sea.send()
    assert only("seg", stored(sea.store)) == []
    sea.collector.abandon()
    sea.write("two")
    sea.begin()
    sea.ship()
    assert [part.number for part in only("seg", stored(sea.store))] == [1]
    assert texts(sea.recover()) == ["one", "two"]


def test_what_followed_on_an_older_state_of_the_disk_is_not_laid_on_what_followed_on_the_newer(sea: Sea) -> None:
    sea.keep_log()
    sea.snapshot(anew=True)
    state = sea.collector.spool.root / "state.json"
    saved = state.read_bytes()
    for number in range(4):
        sea.write(*(f"{number}-{each}" + "x" * 500 for each in range(20)))
        sea.ship()
    state.write_bytes(saved)
    sea.collector.abandon()
    with sea.open() as connection:
        connection.execute("DELETE FROM rows WHERE id % 3")
    sea.begin()
    for _ in range(2):
        sea.ship()
        assert dump(sea.recover()) == dump(sea.database)
        sea.write("more")
    before = only("seg", stored(sea.store))[-1]
    assert len(texts(sea.recover(until=before.moment))) == 80


def test_a_machine_that_was_started_anew_begins_a_new_chain(sea: Sea, monkeypatch: pytest.MonkeyPatch) -> None:
    sea.keep_log()
    sea.snapshot(anew=True)
    sea.write("one")
    sea.ship()
    sea.collector.abandon()
    monkeypatch.setattr(collecting, "this_boot", lambda: "another")
    sea.begin()
    with pytest.raises(Gap, match="started anew"):
        sea.collector.collect()
    sea.snapshot(anew=True)
    sea.send()
    assert texts(sea.recover()) == ["one"]


def test_who_misses_a_part_is_told_a_moment_that_can_be_given() -> None:
    def part(number: int, kind: Kind) -> Part:
        return Part(chain="1800000000000-00000000", number=number, moment=1_800_000_000_123 + number, kind=kind)

    parts = [part(0, "snap"), part(1, "seg"), part(3, "seg")]
    with pytest.raises(BackupFailed, match="missing") as failed:
        plan(parts)
    told = parse_moment(str(failed.value).split()[-1])
    assert plan(parts, until=milliseconds(told)).segments == parts[1:2]
