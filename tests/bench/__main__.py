"""The tables of the README, all of them or those that are named. On two quiet cores `gateway` takes five minutes with
OpenClaw's gateway beside ours and three without.

`capacity` prints those of ARCHITECTURE.md, in two minutes.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

from tests import environment  # first, because no bench may touch a real installation
from tests.bench.anomalies import to_anomalies_table
from tests.bench.capacity import run_capacity_bench
from tests.bench.carries import to_costs_table, to_machines_table
from tests.bench.gateway import run_gateway_bench
from tests.bench.gateway_table import to_gateway_table
from tests.bench.markdown import markdown
from tests.bench.turns import Bench, run_bench
from tests.interop.installed import find_openclaw

TABLES = ("turns", "gateway", "anomalies")
MORE_TABLES = ("capacity",)


def to_table(bench: Bench) -> str:
    """The figures of turns as a Markdown table."""
    histories = list(bench.by_history.items())
    growth = histories[-1][1] / histories[0][1]
    rows = [
        ("the same two calls made directly by the SDKs", f"{bench.direct:.1f} ms"),
        ("one session, median (p95)", f"{bench.alone:.1f} ms ({bench.alone_p95:.1f} ms)"),
        ("our own share of it, as a ratio", f"{bench.alone / bench.direct:.1f} x the direct calls"),
        ("one commit of this disk (fsync)", f"{bench.fsync:.2f} ms"),
        ("ten sessions at once", f"{bench.together_per_second:.0f} turns/s (p95 {bench.together_p95:.0f} ms)"),
        *((f"after {count:,} messages of others", f"{taken:.1f} ms") for count, taken in bench.by_past.items()),
        *((f"with {count:,} earlier messages", f"{taken:.1f} ms") for count, taken in histories),
        ("growth from the shortest to the longest history", f"{growth:.2f} x"),
        ("start to ready", f"{bench.ready_seconds:.2f} s"),
        ("start to first answer", f"{bench.first_answer_seconds:.2f} s"),
        ("memory of all processes, idle (PSS)", f"{sum(bench.memory_mb.values()):.0f} MB"),
        *((f"- {name}", f"{taken:.0f} MB") for name, taken in bench.memory_mb.items()),
    ]
    return markdown(("measure", "value"), rows)


def read_arguments() -> argparse.Namespace:
    """Return which tables are wanted."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument(
        "tables", nargs="*", choices=(*TABLES, *MORE_TABLES), help=f"{', '.join(TABLES)} when none is named"
    )
    parser.add_argument(
        "--without-openclaw", action="store_true", help="do not measure OpenClaw's gateway, also if it is installed"
    )
    return parser.parse_args()


def gateway_table(home: Path, *, alone: bool) -> str:
    """Measure the gateway and return its tables, with how long that took."""
    begin = time.monotonic()
    found = run_gateway_bench(home, None if alone else find_openclaw())
    return f"{to_gateway_table(found)}\n\nMeasured in {time.monotonic() - begin:.0f} s."


def main() -> None:
    """Run the benches that were asked for, and print."""
    given = read_arguments()
    try:
        print_tables(given)
    finally:
        environment.pytest_unconfigure()


def print_tables(given: argparse.Namespace) -> None:
    """Measure one table after the other, each with an installation of its own."""
    for name in given.tables or TABLES:
        with tempfile.TemporaryDirectory(prefix="clawsite-bench-") as folder:
            home = Path(folder) / "home"
            if name == "turns":
                print(to_table(run_bench(home)))
            elif name == "anomalies":
                print(to_anomalies_table())
            elif name == "capacity":
                found = run_capacity_bench(home)
                print(to_costs_table(found), to_machines_table(found), sep="\n\n")
            else:
                print(gateway_table(home, alone=given.without_openclaw))


if __name__ == "__main__":
    main()
