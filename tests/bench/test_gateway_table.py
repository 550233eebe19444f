"""The table of the gateway says what was measured, with and without OpenClaw beside it."""

from __future__ import annotations

from tests.bench.callers import Load
from tests.bench.gateway_table import to_gateway_table
from tests.bench.gateways import OVERLOAD, Figures, Idle

MANY = (50, 4)


def figures(rate: int, *, overload: int, **more: object) -> Figures:
    """Return figures with so many good answers in a second of each load."""
    made = Figures(**more)  # type: ignore[arg-type]
    for load, count in ((MANY, rate), (OVERLOAD, overload)):
        made.loads["health"][load] = Load(seconds=1.0, latencies=[0.002] * count)
    return made


OURS = figures(
    4000, overload=3800, start_seconds=0.5, memory_mb=40.0, idle={5000: Idle(kb_each=20.0, health_ms=0.2)},
    events={200: [0.005] * 10}, first_lines=[0.03] * 10, turns={200: [0.05] * 4}, by_history={250: 1.25},
)  # fmt: skip
THEIRS = figures(
    1000, overload=100, start_seconds=7.0, memory_mb=800.0, idle={5000: Idle(kb_each=-1.0, health_ms=0.4)},
    turns={200: [0.2] * 4},
)  # fmt: skip
THEIRS.loads["health"][OVERLOAD].refused["UNAVAILABLE"] = 900


def test_ratios_stand_beside_the_figures() -> None:
    table = to_gateway_table({"ours": OURS, "floor": figures(8000, overload=8000), "OpenClaw": THEIRS})

    assert (
        "| health, 50 x 4 | 4,000/s (2.0, p95 2.0 ms) | 8,000/s (2.0, p95 2.0 ms) | 50% "
        "| 1,000/s (2.0, p95 2.0 ms) | 4.0 x |"
    ) in table
    assert "| 100/s (2.0, p95 2.0 ms; 90% refused) | 38.0 x |" in table
    assert "| health, overload / the best | 95% | 100% |  | 10% |  |" in table
    assert "| start to the first connect | 0.50 s | 7.00 s | 1 / 14.0 |" in table
    assert "| memory of each of 5,000 idle connections | 20 KB | – |  |" in table
    assert (
        "| message to the end of its answer at the last of 200 listeners, median | 50 ms | 200 ms | 1 / 4.0 |" in table
    )
    assert "| a job's event to each of 200 subscribers, median | 5.0 ms (p95 5.0 ms) | – |  |" in table
    assert "| jobs.start to the job's first line, median | 30.0 ms (p95 30.0 ms) | – |  |" in table
    assert len({row.count("|") for row in table.partition("\n\n")[0].splitlines()}) == 1


def test_where_openclaw_gave_no_good_answer_there_is_no_ratio() -> None:
    theirs = figures(1000, overload=0)
    theirs.loads["health"][OVERLOAD].refused["UNAVAILABLE"] = 1600
    table = to_gateway_table({"ours": OURS, "floor": figures(8000, overload=8000), "OpenClaw": theirs})

    assert "| 0/s (inf, p95 inf ms; 100% refused) |  |" in table


def test_without_openclaw_its_columns_are_left_out() -> None:
    table = to_gateway_table({"ours": OURS, "floor": figures(8000, overload=8000)})

    assert "OpenClaw" not in table
    assert "| chat.history with 250 messages | 1.2 ms |" in table
