"""What a turn costs, as ratios of one run. The figures themselves are printed by `python -m tests.bench`."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.bench.turns import PAST, Bench, run_bench

pytestmark = [pytest.mark.bench, pytest.mark.alone, pytest.mark.timeout(240)]


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    home: Path = tmp_path_factory.mktemp("bench") / "home"
    return run_bench(home, turns=60)


def test_a_turn_does_not_cost_more_with_a_long_history(bench: Bench) -> None:
    shortest, longest = bench.by_history[10], bench.by_history[100_000]
    assert longest / shortest < 1.2, bench.by_history


def test_a_turn_does_not_cost_more_after_many_messages_of_others(bench: Bench) -> None:
    assert bench.by_past[PAST] / bench.by_past[0] < 1.2, bench.by_past


def test_ten_sessions_share_the_work(bench: Bench) -> None:
    alone_per_second = 1000 / bench.alone
    assert bench.together_per_second > alone_per_second, bench


def test_a_turn_is_a_small_multiple_of_its_two_calls(bench: Bench) -> None:
    assert bench.alone / bench.direct < 15, bench


@pytest.mark.soak
def test_the_memory_of_all_processes_is_bounded(bench: Bench) -> None:
    """After the model's SDK was loaded; when nobody asked yet see test_footprint_bench."""
    assert sum(bench.memory_mb.values()) < 250, bench.memory_mb
