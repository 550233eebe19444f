"""Eight hours of a shop's past in a real Prometheus: written by us, loaded with promtool, so the truth is known."""

from __future__ import annotations

import json
import subprocess
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from tests.programs import need_program
from tests.servers.monitoring import Monitor

# Over the night on which the clock goes back in Berlin: 00:00 to 07:00 there are eight hours.
END = datetime(2026, 10, 25, 6, 0, tzinfo=UTC)
HOURS = 8
EVERY = 15
MERCHANTS = {"acme": 60, "borealis": 40, "cantina": 20, "xyz": 10}
FAILED_PERCENT = {"acme": 1, "borealis": 2, "cantina": 1, "xyz": 20}


@dataclass
class Truth:
    """What happened in the window, counted while it was written."""

    total: int = 0
    failed: int = 0
    of_merchant: dict[str, list[int]] = field(default_factory=dict)


class BackfilledPrometheus(Monitor):
    """A Prometheus that scrapes nothing and knows the past."""

    name = "prometheus"

    def __init__(self, binary: str, lines: str, promtool: str) -> None:
        super().__init__()
        self.binary = binary
        data = self.directory / "data"
        (self.directory / "prometheus.yml").write_text("global: {}\n", encoding="utf-8")
        source = self.directory / "past.txt"
        source.write_text(lines, encoding="utf-8")
        command = [promtool, "tsdb", "create-blocks-from", "openmetrics", str(source), str(data)]
        subprocess.run(command, check=True, capture_output=True, timeout=60)

    def command(self) -> list[str]:
        return [
            self.binary,
            f"--config.file={self.directory / 'prometheus.yml'}",
            f"--storage.tsdb.path={self.directory / 'data'}",
            f"--web.listen-address=127.0.0.1:{self.port}",
            "--storage.tsdb.retention.time=100y",
            "--log.level=warn",
        ]


def write_past() -> tuple[str, Truth]:
    """Return the samples of counters in OpenMetrics, an hour longer than the window, and what they add up to in it.

    Traffic is doubled in the last two hours, in which more fails, so that averages must be weighed to be right.
    """
    truth = Truth(of_merchant={merchant: [0, 0] for merchant in MERCHANTS})
    start = END - timedelta(hours=HOURS)
    rows: list[str] = ["# TYPE shop_tx counter"]
    for merchant in MERCHANTS:
        rows += _write_merchant(merchant, start, truth)
    return "\n".join([*rows, "# EOF", ""]), truth


def _write_merchant(merchant: str, start: datetime, truth: Truth) -> Iterator[str]:
    counts = {"ok": 0, "failed": 0}
    lines: dict[str, list[str]] = {"ok": [], "failed": []}
    moment = start - timedelta(hours=1)
    while moment <= END:
        for outcome, count in counts.items():
            labels = f'{{merchant="{merchant}",outcome="{outcome}"}}'
            lines[outcome].append(f"shop_tx_total{labels} {count} {moment.timestamp():.0f}")
        late = moment >= END - timedelta(hours=2)
        done = MERCHANTS[merchant] * 100 * (2 if late else 1)
        bad = done * FAILED_PERCENT[merchant] * (2 if late else 1) // 100
        counts["ok"] += done - bad
        counts["failed"] += bad
        if start <= moment < END:
            truth.total += done
            truth.failed += bad
            truth.of_merchant[merchant][0] += done
            truth.of_merchant[merchant][1] += bad
        moment += timedelta(seconds=EVERY)
    yield from lines["ok"]
    yield from lines["failed"]


@contextmanager
def backfilled() -> Iterator[tuple[BackfilledPrometheus, Truth]]:
    """Run it until the block ends."""
    lines, truth = write_past()
    with BackfilledPrometheus.running(need_program("prometheus"), lines, need_program("promtool")) as server:
        yield server, truth


def ask_directly(server: BackfilledPrometheus, promql: str) -> float:
    """Ask Prometheus without any code of the product."""
    form = urllib.parse.urlencode({"query": promql, "time": END.timestamp()})
    with urllib.request.urlopen(f"{server.url}/api/v1/query?{form}", timeout=20) as answer:  # noqa: S310 - loopback
        (sample,) = json.load(answer)["data"]["result"]
    return float(sample["value"][1])
