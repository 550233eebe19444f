"""What was unusual in a time: groups of alerts and anomalies, those that go on before those that are over."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db.models import Q

from runbooks.briefings.window import Window
from runbooks.models import AlertGroup, Anomaly

MOST = 10
TEXT_CHARS = 200
_ORDER = {severity: place for place, severity in enumerate(AlertGroup.Severity.values)}
FIRING = AlertGroup.State.FIRING


def read_alerts(window: Window) -> dict[str, Any]:
    """Return how many groups there were, how many of them fire, and the worst: {firing: [...], over: [...]}."""
    there = AlertGroup.objects.filter(
        Q(started_at__gte=window.start) | Q(state=FIRING) | Q(resolved_at__gte=window.start),
        started_at__lt=window.end,
    )
    small = there.only("title", "severity", "state", "acked_name", "acked_by", "started_at", "resolved_at")
    groups = sorted(small, key=lambda group: (_ORDER[group.severity], group.started_at))
    firing = [group for group in groups if group.state == FIRING]
    over = [group for group in groups if group.state != FIRING and group.severity != AlertGroup.Severity.INFO]
    return {
        "count": len(groups),
        "firing_count": len(firing),
        "firing": [_group(group) for group in firing[:MOST]],
        "over": [_group(group) for group in over[:MOST]],
    }


def _group(group: AlertGroup) -> dict[str, Any]:
    return {
        "title": group.title[:TEXT_CHARS],
        "severity": group.severity,
        "acked": group.acked_name or group.acked_by,
        **_times(group.started_at, group.resolved_at),
    }


def read_anomalies(window: Window) -> dict[str, Any]:
    """Return how many there were, how many are over, and the strongest of those that go on and of the others."""
    there = Anomaly.objects.between(window.start, window.end).select_related("system")
    found = sorted(there, key=lambda row: (row.ended_at is not None, -abs(row.robust)))
    return {
        "count": len(found),
        "resolved": sum(row.state == Anomaly.State.RESOLVED for row in found),
        "list": [_anomaly(row) for row in found[:MOST]],
    }


def _anomaly(row: Anomaly) -> dict[str, Any]:
    return {
        "system": str(row.system),
        "title": row.title or row.query,
        "kind": row.kind,
        "score": round(row.robust, 1),
        **_times(row.started_at, row.ended_at),
    }


def _times(began: datetime, ended: datetime | None) -> dict[str, str]:
    return {"since": began.isoformat(), "until": ended.isoformat() if ended else ""}
