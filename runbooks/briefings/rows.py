"""What our own rows say of a time: incidents, and what waits for somebody."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db.models import Count
from django.db.models.functions import Coalesce

from guardrails.models import Approval
from runbooks.briefings.window import Window
from runbooks.incidents.reading import count_by_severity
from runbooks.incidents.snapshot import state_of
from runbooks.models import Incident, Job, Run

MOST = 10


def read_incidents(window: Window) -> dict[str, Any]:
    """Return how many were opened by severity, how many were resolved, and those that are open."""
    over = Incident.objects.filter(state=Incident.State.RESOLVED)
    resolved = over.filter(resolved_at__gte=window.start, resolved_at__lt=window.end)
    found = Incident.objects.open().select_related("system").worst_first()
    return {
        "opened": count_by_severity(window.start, window.end),
        "resolved": resolved.count(),
        "open": [state_of(incident) for incident in found[:MOST]],
        "open_count": found.count(),
    }


def read_pending(window: Window, *, now: datetime) -> dict[str, Any]:
    """Return what waits for a person: decisions, runs under way, and what failed without anybody."""
    waiting = Approval.objects.filter(state=Approval.State.WAITING, expires_at__gt=now)
    runs = Run.objects.filter(open=True, job__kind="runbook").order_by("pk")
    return {
        "approvals": waiting.count(),
        "runs": list(runs.values_list("title", flat=True)[:MOST]),
        "failed": _failed(window),
    }


def _failed(window: Window) -> list[dict[str, Any]]:
    """Return what failed and how often: a runbook by its name, any other job by its kind."""
    ended = Job.objects.filter(ended_at__gte=window.start, ended_at__lt=window.end)
    failed = ended.filter(state__in=[Job.State.FAILED, Job.State.TIMED_OUT]).order_by()
    rows = failed.values_list(Coalesce("run__title", "kind")).annotate(count=Count("id")).order_by("-count", "kind")
    return [{"name": name, "count": count} for name, count in rows[:MOST]]
