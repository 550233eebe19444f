"""Service levels, and trouble of our own that is open. Levels are looked at once a minute at most."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from django.db.models import Count
from prometheus_client.metrics_core import Metric

from clawsite.core.metrics import declare
from clawsite.models import SelfAlert
from clawsite.ops import levels

KEEP_SECONDS = 60.0

GOOD = declare("claw_level_ratio", "The part of a week that was as it should be, from 0 to 1.", "level")
AIM = declare("claw_level_aim_ratio", "The part that should be.", "level")
BURN = declare("claw_level_burn_rate", "How many times too fast the budget of a week is used up.", "level", "window")
OVERHEAD = declare(
    "claw_overhead_p95_seconds", "Time beside the model and its tools that 95 of 100 answers stay below."
)
OPEN = declare("claw_self_alerts_open", "Trouble of our own that lasts.", "severity")

_lock = threading.Lock()
_kept: tuple[float, list[dict[str, Any]]] | None = None


def read_levels() -> list[dict[str, Any]]:
    """Return every level, at most a minute old."""
    global _kept
    with _lock:
        if _kept is None or time.monotonic() - _kept[0] > KEEP_SECONDS:
            _kept = (time.monotonic(), [{**asdict(each), "held": each.is_held} for each in levels.report()])
        return _kept[1]


def read_self_alerts() -> dict[str, int]:
    """Return how many are open, by severity."""
    opened = SelfAlert.objects.filter(closed_at=None).order_by().values("severity")
    found = {row["severity"]: row["rows"] for row in opened.annotate(rows=Count("pk"))}
    return {str(severity): found.get(severity, 0) for severity in SelfAlert.Severity}


def level_gauges(report: dict[str, Any]) -> Iterator[Metric]:
    """Yield what a scrape shows of them."""
    found = report.get("levels", [])
    yield GOOD.show(((each["name"],), each["value"]) for each in found)
    yield AIM.show(((each["name"],), each["aim"]) for each in found)
    yield BURN.show(((each["name"], window), each[window]) for each in found for window in ("fast", "slow"))
    yield OVERHEAD.show(((), each["p95_ms"] / 1000) for each in found if each["p95_ms"] is not None)
    yield OPEN.show(((severity,), count) for severity, count in report.get("self_alerts", {}).items())
