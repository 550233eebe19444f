"""The metrics of the example system, in the text format of Prometheus."""

from __future__ import annotations

from collections.abc import Iterator

from tests.servers.guardian.world import World

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


def write_metrics(world: World) -> bytes:
    """Return one scrape."""
    world.advance()
    return "".join(f"{line}\n" for line in _lines(world)).encode()


def _lines(world: World) -> Iterator[str]:
    yield from _head("guardian_transactions_total", "counter", "Transactions by merchant and outcome.")
    for (merchant, outcome), count in world.counts.items():
        yield f'guardian_transactions_total{{merchant="{merchant}",outcome="{outcome}"}} {int(count)}'
    for name, (text, value) in _gauges(world).items():
        yield from _head(name, "gauge", text)
        yield f"{name} {value:g}"


def _gauges(world: World) -> dict[str, tuple[str, float]]:
    return {
        "guardian_transactions_per_minute": ("Transactions done in a minute.", world.per_minute),
        "guardian_approval_percent": ("Percent of transactions that are approved.", world.approval),
        "guardian_api_latency_seconds": ("Time of one answer of the API.", world.latency),
        "guardian_healthy": ("1 while the system calls itself healthy.", float(world.status == "healthy")),
        "guardian_workers": ("Workers.", float(world.workers)),
        "guardian_backlog": ("Transactions that wait.", world.backlog),
        "guardian_cache_entries": ("Entries of the cache.", float(world.cached)),
        "guardian_start_time_seconds": ("When it was started.", world.started_at),
    }


def _head(name: str, kind: str, text: str) -> Iterator[str]:
    yield f"# HELP {name} {text}"
    yield f"# TYPE {name} {kind}"
