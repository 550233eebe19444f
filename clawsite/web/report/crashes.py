"""The roles of this machine that die again and again, as their supervisor tells it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from prometheus_client.metrics_core import Metric

from clawsite.core.metrics import declare
from clawsite.ops.crashes import read_crash_loops

LOOP = declare("claw_crash_loop_deaths", "Deaths in a row of a role that dies again and again.", "role")


def read_crashes(now: datetime) -> list[dict[str, Any]]:
    """Return every role in a crash loop; none where something else supervises."""
    return [
        {
            "role": loop.role,
            "deaths": loop.deaths,
            "how": loop.how,
            "why": loop.why,
            "age": max(0, round(now.timestamp() - loop.since)),
        }
        for loop in read_crash_loops()
    ]


def crash_gauges(report: dict[str, Any]) -> Iterator[Metric]:
    """Yield what a scrape shows of them."""
    yield LOOP.show(((loop["role"],), loop["deaths"]) for loop in report.get("crash_loops", []))
