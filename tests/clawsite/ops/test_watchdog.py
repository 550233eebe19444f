"""Restarts back off when they do not help, and silence is judged by what came before it."""

from __future__ import annotations

import pytest

from clawsite.ops.watchdog import Backoff, is_hung


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
