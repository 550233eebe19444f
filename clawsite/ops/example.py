"""The rows of the demo's example system: where it is, what can be asked about it, and the runbooks that heal it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from guardrails.types import Actor, Role
from runbooks.books.ready import read_folder, ready_folder
from runbooks.books.store import find_runbook, save_book
from runbooks.models import MonitoredSystem, NamedQuery
from runbooks.sources.readings import read_soon

NAME = "transaction-guardian"
_ACTOR = Actor(subject="system", role=Role.ADMIN)
_FAILED = 'sum by (merchant) (rate(guardian_transactions_total{outcome="failed"}[5m]))'
_ALL = "sum by (merchant) (rate(guardian_transactions_total[5m]))"
QUERIES: dict[str, dict[str, Any]] = {
    "transactions": {
        "title": "Transactions",
        "promql": "guardian_transactions_per_minute",
        "unit": "/min",
        "words": ["traffic", "volume", "transações", "tráfego", "транзакции", "трафик"],
        "watched": True,
        "briefing": NamedQuery.Briefing.TRAFFIC,
    },
    "approval": {
        "title": "Approval rate",
        "promql": "guardian_approval_percent",
        "unit": "%",
        "words": ["approvals", "taxa de aprovação", "aprovação", "aprovações", "доля одобрений", "одобрения"],
        "watched": True,
        "briefing": NamedQuery.Briefing.SUCCESS,
    },
    "latency": {
        "title": "API latency",
        "promql": "guardian_api_latency_seconds",
        "unit": "s",
        "words": ["response time", "latência", "tempo de resposta", "задержка", "время ответа"],
        "watched": True,
    },
    "merchants": {
        "title": "Failures by merchant",
        "promql": f"100 * {_FAILED} / {_ALL}",
        "unit": "%",
        "words": ["failures", "falhas", "lojistas", "ошибки", "отказы"],
        "briefing": NamedQuery.Briefing.FAILURES,
    },
}


def prepare_example(places: Mapping[str, str]) -> None:
    """Make or correct the rows, because the demo takes other ports each time. Without a demo there is nothing to do."""
    if "guardian" not in places:
        return
    urls = {name: f"http://{place}" for name, place in places.items()}
    where = {
        "health_url": f"{urls['guardian']}/health",
        "stats_url": f"{urls['guardian']}/stats",
        "prometheus_url": urls.get("prometheus", ""),
        "alertmanager_url": urls.get("alertmanager", ""),
    }
    named = {"title": "Transaction Guardian", "labels": {"system": NAME}}
    system, _ = MonitoredSystem.objects.update_or_create(name=NAME, defaults=where, create_defaults=where | named)
    read_soon(system)
    for name, fields in QUERIES.items():
        NamedQuery.objects.get_or_create(system=system, name=name, defaults=fields)
    for book in read_folder(ready_folder()):
        if find_runbook(book.name) is None:
            save_book(book, actor=_ACTOR)
