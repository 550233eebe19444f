"""Deliveries as Alertmanager makes them, and chats that are shown what comes of them."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from runbooks.alerts.store import process_new, store_webhook
from runbooks.models import AlertWebhook

NOW = datetime(2026, 11, 20, 15, 32, tzinfo=UTC)
NEVER = "0001-01-01T00:00:00Z"


@dataclass(kw_only=True)
class One:
    """One alert of a delivery."""

    name: str = "ZeroTransactions"
    instance: str = "a"
    severity: str = "critical"
    begins: datetime = NOW
    ends: datetime | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        labels = {"alertname": self.name, "instance": self.instance, **self.labels}
        if self.severity:
            labels["severity"] = self.severity
        return {
            "status": "resolved" if self.ends else "firing",
            "labels": labels,
            "annotations": dict(self.annotations),
            "startsAt": stamp(self.begins),
            "endsAt": stamp(self.ends) if self.ends else NEVER,
            "generatorURL": "http://prometheus.example/graph",
            "fingerprint": f"{self.name}-{self.instance}",
        }


def stamp(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f") + "123Z"


def body(*alerts: One, key: str = "", reason: str = "", truncated: int = 0, **extra: Any) -> dict[str, Any]:
    """Return a delivery of one group; what its alerts share is common, as Alertmanager has it."""
    rows = [alert.to_json() for alert in alerts]
    value = {
        "receiver": "clawdbot-critical",
        "status": "firing" if any(row["status"] == "firing" for row in rows) else "resolved",
        "alerts": rows,
        "groupLabels": {"alertname": alerts[0].name} if alerts else {},
        "commonLabels": shared([row["labels"] for row in rows]),
        "commonAnnotations": shared([row["annotations"] for row in rows]),
        "externalURL": "http://alertmanager.example:9093",
        "version": "4",
        "groupKey": key or f'{{}}:{{alertname="{alerts[0].name if alerts else ""}"}}',
        "truncatedAlerts": truncated,
    }
    return value | ({"notification_reason": reason} if reason else {}) | extra


def shared(texts: Sequence[Mapping[str, str]]) -> dict[str, str]:
    first = texts[0] if texts else {}
    return {name: value for name, value in first.items() if all(each.get(name) == value for each in texts)}


def deliver(value: Mapping[str, Any], *, at: datetime = NOW, source: str = "") -> str:
    """Store a delivery and work on it; return what came of it."""
    pk = store_webhook(json.dumps(value), source=source)
    AlertWebhook.objects.filter(pk=pk).update(received_at=at)
    while process_new(now=at):
        pass
    return AlertWebhook.objects.values_list("outcome", flat=True).get(pk=pk)


def fire(*alerts: One, at: datetime = NOW, **extra: Any) -> str:
    return deliver(body(*(alerts or (One(),)), **extra), at=at)


def later(**parts: float) -> datetime:
    return NOW + timedelta(**parts)


def post_alert(url: str, labels: Mapping[str, str]) -> None:
    """Tell an Alertmanager of an alert, as Prometheus would."""
    data = json.dumps([{"labels": dict(labels)}]).encode()
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(f"{url}/api/v2/alerts", data=data, headers=headers)  # noqa: S310 - loopback
    with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310 - loopback
        assert answer.status == 200
