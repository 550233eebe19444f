"""`python -m tests.bench`: the tables of the README. `turns`, `gateway` or `anomalies` prints only that one."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from tests.bench.anomalies import to_anomalies_table
from tests.bench.gateway import METHODS, OVERLOAD, Figures, run_gateway_bench
from tests.bench.markdown import markdown
from tests.bench.turns import Bench, run_bench
from tests.interop.installed import find_openclaw

TABLES = ("turns", "gateway", "anomalies")


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
        *((f"with {count:,} earlier messages", f"{taken:.1f} ms") for count, taken in histories),
        ("growth from the shortest to the longest history", f"{growth:.2f} x"),
        ("start to ready", f"{bench.ready_seconds:.2f} s"),
        ("start to first answer", f"{bench.first_answer_seconds:.2f} s"),
        ("memory of all processes, idle (PSS)", f"{sum(bench.memory_mb.values()):.0f} MB"),
        *((f"- {name}", f"{taken:.0f} MB") for name, taken in bench.memory_mb.items()),
    ]
    return markdown(("measure", "value"), rows)


def to_gateway_table(found: dict[str, Figures]) -> str:
    """The figures of the gateway beside the floor's and, when it is installed, OpenClaw's."""
    names = [name for name in ("floor", "ours", "OpenClaw") if name in found]
    rows = []
    for method in METHODS:
        for load in found["ours"].loads[method]:
            connections, in_flight = load
            what = f"{method}, {connections} x {in_flight}{' (overload)' if load == OVERLOAD else ''}"
            rows.append((what, *(rate_of(found[name], method, load) for name in names)))
    starts: dict[str, str] = {name: f"{found[name].start_seconds:.1f} s" for name in names if name != "floor"}
    memory: dict[str, str] = {name: f"{found[name].memory_mb:.0f} MB" for name in starts}
    rows.append(("start to the first connect", *(starts.get(name, "") for name in names)))
    rows.append(("memory at rest (PSS)", *(memory.get(name, "") for name in names)))
    ours = found["ours"]
    more = [f"- {ours.idle_connections:,} idle connections: {ours.idle_kb_each:.0f} KB each"]
    more += [f"- chat.history with {count:,} messages: {taken:.1f} ms" for count, taken in ours.by_history.items()]
    return "\n".join([markdown(("method, connections x requests in flight", *names), rows), "", *more])


def rate_of(figures: Figures, method: str, load: tuple[int, int]) -> str:
    """Good answers per second, the median latency, and how many were refused."""
    found = figures.loads[method][load]
    refused = sum(found.refused.values())
    share = f", {refused / (refused + len(found.latencies)):.0%} refused" if refused else ""
    return f"{found.per_second:,.0f}/s ({found.percentile_ms(0.5):.1f} ms{share})"


def main() -> None:
    """Run the benches that were asked for, and print."""
    for name in sys.argv[1:] or TABLES:
        with tempfile.TemporaryDirectory(prefix="clawsite-bench-") as folder:
            home = Path(folder) / "home"
            if name == "turns":
                print(to_table(run_bench(home)))
            elif name == "anomalies":
                print(to_anomalies_table())
            else:
                print(to_gateway_table(run_gateway_bench(home, find_openclaw())))


if __name__ == "__main__":
    main()
