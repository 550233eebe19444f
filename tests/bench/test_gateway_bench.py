"""What the gateway costs, as ratios of one run: against the floor, against itself, against OpenClaw's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.bench.gateway import METHODS, run_gateway_bench, run_jobs_bench
from tests.bench.gateways import OVERLOAD, Figures
from tests.bench.timing import p95_ms
from tests.interop.installed import need_openclaw
from tests.servers.messages import MessagesServer

pytestmark = [pytest.mark.bench, pytest.mark.alone, pytest.mark.timeout(400)]
FEW, MANY = (10, 8), (50, 4)
IDLE = 2000
SHORT: dict[str, Any] = {"idle": (IDLE,), "listeners": ()}
LISTENERS, MOST_EVENT_MS, MOST_FIRST_LINE_MS = (1, 200), 20, 50


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Figures]:
    home: Path = tmp_path_factory.mktemp("bench") / "home"
    return run_gateway_bench(home, None, loads=(FEW, MANY, OVERLOAD), rounds=4, seconds=0.4, **SHORT)


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Figures]:
    """The same beside the real OpenClaw, whose start alone takes ten seconds of a processor."""
    home: Path = tmp_path_factory.mktemp("bench") / "home"
    return run_gateway_bench(
        home, need_openclaw(), loads=(MANY,), rounds=4, their_loads=(MANY,), their_rounds=1, seconds=0.4, **SHORT
    )


@pytest.mark.parametrize("method", METHODS)
def test_an_answer_costs_little_more_than_a_constant(bench: dict[str, Figures], method: str) -> None:
    assert bench["ours"].rate(method, MANY) > 0.5 * bench["floor"].rate(method, MANY)


@pytest.mark.parametrize("method", METHODS)
def test_overload_takes_nothing_away(bench: dict[str, Figures], method: str) -> None:
    """Aim: 90 % of the best. What the floor loses at the same load is the machine's, and the clients' share of it."""
    ours, floor = bench["ours"], bench["floor"]
    machine = min(1.0, floor.rate(method, OVERLOAD) / floor.best(method))

    assert ours.rate(method, OVERLOAD) > 0.8 * machine * ours.best(method)
    assert ours.loads[method][OVERLOAD].refused == {}


def test_history_is_read_as_fast_when_it_is_long(bench: dict[str, Figures]) -> None:
    short, long = bench["ours"].by_history.values()

    assert long / short < 1.5, bench["ours"].by_history


def test_idle_connections_are_cheap(bench: dict[str, Figures]) -> None:
    assert bench["ours"].idle[IDLE].kb_each < 60, bench["ours"].idle


@pytest.mark.interop
@pytest.mark.soak
@pytest.mark.parametrize("method", METHODS)
def test_twice_as_much_is_answered_as_by_openclaw(both: dict[str, Figures], method: str) -> None:
    assert both["ours"].rate(method, MANY) > 2 * both["OpenClaw"].rate(method, MANY)


@pytest.mark.interop
@pytest.mark.soak
def test_the_web_role_starts_in_a_part_of_its_time_and_memory(both: dict[str, Figures]) -> None:
    """Aim: a tenth of both, alone on a quiet machine."""
    ours, theirs = both["ours"], both["OpenClaw"]

    assert ours.start_seconds < theirs.start_seconds / 5
    assert ours.memory_mb < theirs.memory_mb / 8


@pytest.mark.soak
def test_jobs_begin_and_their_events_arrive_at_once(tmp_path: Path) -> None:
    """The aims on a quiet machine, without Redis; the event's time is the one in its row."""
    figures = Figures()
    with MessagesServer().running() as model:
        run_jobs_bench(tmp_path / "home", model, figures, listeners=LISTENERS)

    assert p95_ms(figures.first_lines) < MOST_FIRST_LINE_MS
    for count in LISTENERS:
        assert p95_ms(figures.events[count]) < MOST_EVENT_MS, count
