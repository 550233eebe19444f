"""`python -m tests.bench`: the table of the README."""

from __future__ import annotations

import tempfile
from pathlib import Path

from tests.bench.turns import Bench, run_bench


def to_table(bench: Bench) -> str:
    """The figures as a Markdown table."""
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
    return "\n".join(["| measure | value |", "| --- | --- |", *(f"| {name} | {value} |" for name, value in rows)])


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="clawsite-bench-") as folder:
        print(to_table(run_bench(Path(folder) / "home")))
