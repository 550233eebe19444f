"""Restarts back off when they do not help, and silence is judged by what came before it."""

from __future__ import annotations

import pytest

from clawsite.ops.watchdog import Backoff, Growth, MemoryLimit, Stillness, is_hung


def test_one_accident_costs_nothing_and_a_crash_loop_slows_down() -> None:
    backoff = Backoff()
    assert [backoff.next_pause(ran=1, killed=False) for _ in range(8)] == [0, 0, 1, 5, 15, 60, 60, 60]


def test_a_minute_of_health_forgets_the_past() -> None:
    backoff = Backoff()
    for _ in range(6):
        backoff.next_pause(ran=1, killed=False)
    assert backoff.next_pause(ran=61, killed=False) == 0
    assert [backoff.next_pause(ran=1, killed=False) for _ in range(3)] == [0, 0, 1]


def test_kills_of_a_role_that_works_cost_nothing_however_many() -> None:
    backoff = Backoff()
    assert {backoff.next_pause(ran=ran, killed=True) for ran in (1, 8, 0.1) * 20} == {0}
    backoff.next_pause(ran=1, killed=False)
    backoff.next_pause(ran=1, killed=False)
    assert backoff.next_pause(ran=1, killed=True) == 0
    assert backoff.next_pause(ran=1, killed=False) == 1


def test_a_run_of_some_seconds_takes_an_early_death_back() -> None:
    backoff = Backoff()
    assert [backoff.next_pause(ran=ran, killed=False) for ran in (1, 8, 1, 8, 1, 1, 8)] == [0] * 7


@pytest.mark.parametrize(
    ("silent", "started", "hung"),
    [(14, True, False), (16, True, True), (16, False, False), (31, False, True)],
)
def test_a_role_that_starts_gets_more_time(silent: float, started: bool, hung: bool) -> None:
    assert is_hung(silent=silent, started=started, hang_seconds=15) == hung


def test_a_crash_loop_is_one_from_the_fourth_early_death_until_a_minute_of_health() -> None:
    backoff = Backoff()
    told = [backoff.is_loop]
    for _ in range(5):
        backoff.next_pause(ran=1, killed=False)
        told.append(backoff.is_loop)
    assert told == [False, False, False, False, True, True]
    backoff.next_pause(ran=61, killed=False)
    assert not backoff.is_loop


def test_memory_counts_when_it_is_too_much_for_long_and_the_role_is_not_young() -> None:
    looks = [(90, 1), (110, 2), (110, 3), (90, 4), (110, 5), (110, 6), (110, 7), (110, 400), (90, 500), (110, 501)]
    limit = MemoryLimit(limit=100)
    assert [limit.is_over(used, ran=ran) for used, ran in looks] == [False] * 7 + [True, False, False]


def test_without_a_limit_no_memory_is_too_much() -> None:
    limit = MemoryLimit(limit=0)
    assert not any(limit.is_over(10**12, ran=1000) for _ in range(10))


def test_growth_is_told_once_there_is_enough_to_tell_from() -> None:
    growth = Growth()
    for minute in range(14):
        growth.add(1000 + 10 * minute, at=60.0 * minute)
        growth.add(10**9, at=60.0 * minute + 1)  # more often than once a minute, and passed over
    assert growth.bytes_per_hour() is None
    growth.add(1140, at=60.0 * 14)
    assert growth.bytes_per_hour() == 600
    for minute in range(15, 200):
        growth.add(1140, at=60.0 * minute)
    assert growth.bytes_per_hour() == 0


def test_what_does_not_move_for_too_many_looks_is_found() -> None:
    still = Stillness()
    limits = {"lane:1": 2, "lane:2": 2, "send:1": 9}
    found = [still.look({"lane:1": number, "lane:2": 7, "send:1": 7}, limits) for number in range(4)]
    assert found == ["", "", "", "lane:2"]


def test_what_was_let_go_meanwhile_begins_anew() -> None:
    still = Stillness()
    found = [still.look(marks, {"lane:1": 1}) for marks in ({"lane:1": 7}, {"lane:1": 7}, {}, {"lane:1": 7})]
    assert found == ["", "", "", ""]
