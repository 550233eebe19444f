"""The monitored systems: whether each source of theirs answers. Their breakers are among those of the services."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from prometheus_client.metrics_core import Metric

from clawsite.core.metrics import declare
from clawsite.web.report.ages import age_or_none
from runbooks.models import SystemReading

UP = declare("claw_source_up", "1 while a source of a monitored system answers.", "system", "source")


def read_sources(now: datetime) -> list[dict[str, Any]]:
    """Return how asking the monitored systems goes."""
    rows = SystemReading.objects.filter(system__enabled=True).select_related("system")
    ordered = rows.defer("data", "system__credentials").order_by("system__name", "source")
    return [_source(row, now) for row in ordered]


def _source(row: SystemReading, now: datetime) -> dict[str, Any]:
    return {
        "system": row.system.name,
        "source": row.source,
        "failing": age_or_none(row.failing_since, now),
        "read_age": age_or_none(row.read_at, now),
    }


def source_gauges(report: dict[str, Any]) -> Iterator[Metric]:
    """Yield what a scrape shows of the monitored systems."""
    sources = report.get("sources", [])
    yield UP.show((_names(each), each["failing"] is None) for each in sources)


def _names(source: dict[str, Any]) -> tuple[str, str]:
    return source["system"], source["source"]
