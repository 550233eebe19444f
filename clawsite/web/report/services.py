"""The outside services in use: whose breaker is open, and which are failing."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from prometheus_client.metrics_core import Metric

from clawsite.core import services
from clawsite.core.metrics import declare
from clawsite.core.services import ServiceReport

BREAKER_OPEN = declare(
    "claw_breaker_open", "1 while the breaker of an outside service is not closed.", "service", "kind"
)
FAILING = declare("claw_service_failing_seconds", "How long an outside service fails; 0: it works.", "service", "kind")


def read_services(now: datetime) -> list[dict[str, Any]]:
    """Return every outside service in use."""
    return [_describe(each, now) for each in services.report(now)]


def _describe(each: ServiceReport, now: datetime) -> dict[str, Any]:
    return {
        "name": each.name,
        "kind": each.kind,
        "state": each.state,
        "failing": round(each.seconds(now)) if each.is_failing else None,
        "error_kind": each.last_error_kind,
        "error": each.error,
        "open_seconds": max(0, round((each.open_until - now).total_seconds())) if each.open_until else 0,
        "fallback": each.fallback,
    }


def service_gauges(report: dict[str, Any]) -> Iterator[Metric]:
    """Yield what a scrape shows of the services. One that has begun to fail in this second shows as failing."""
    found = report.get("services", [])
    yield BREAKER_OPEN.show((_names(each), each["state"] != "closed") for each in found)
    yield FAILING.show((_names(each), 0 if each["failing"] is None else max(1, each["failing"])) for each in found)


def _names(each: dict[str, Any]) -> tuple[str, str]:
    return each["name"], each["kind"]
