"""The start page: how the system does, for staff; the way to the chat, for everybody else."""

from __future__ import annotations

import threading
import time
from datetime import timedelta
from decimal import Decimal
from typing import Any

from django.db.models import Sum
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from clawsite.web.report import take_report
from sessions_app.models import Contact, Inbox, Turn

KEEP_SECONDS = 3.0
# A role whose last beat is older than this is shown as silent.
SILENT_SECONDS = 30

_lock = threading.Lock()
_kept: tuple[float, dict[str, Any]] = (0.0, {})


@never_cache
@require_safe
def start(request: HttpRequest) -> HttpResponse:
    """Answer with the page, or with its changing part alone when the page asks for that."""
    user = request.user
    part = request.headers.get("X-Part") == "figures"
    if not (user.is_authenticated and user.is_active and user.is_staff):
        return HttpResponse(status=403) if part else render(request, "web/landing.html")
    return render(request, "web/figures.html" if part else "web/dashboard.html", {"now": timezone.now(), **figures()})


def figures() -> dict[str, Any]:
    """Return what the dashboard shows, at most three seconds old, so that many open pages cost one look."""
    global _kept
    with _lock:
        taken_at, kept = _kept
        if not kept or time.monotonic() - taken_at > KEEP_SECONDS:
            kept = _take()
            _kept = (time.monotonic(), kept)
        return kept


def _take() -> dict[str, Any]:
    report = take_report()
    midnight = timezone.localtime().replace(hour=0, minute=0, second=0, microsecond=0)
    turns = Turn.objects.filter(finished_at__gte=midnight)
    spent = turns.aggregate(usd=Sum("cost_usd"))["usd"] or Decimal(0)
    queues = report["queues"]
    return {
        "messages_today": Inbox.objects.filter(received_at__gte=midnight).count(),
        "answers_today": turns.filter(outcome="answer").count(),
        "spent_today": f"{spent:.2f}",
        "sessions": report["sessions"],
        "waiting": queues["inbox"]["new"] + queues["outbox"]["new"],
        "oldest_age": max(queues["inbox"]["oldest_age"], queues["outbox"]["oldest_age"]),
        "dead": queues["inbox"]["dead"] + queues["outbox"]["dead"],
        "channels": [_channel(row) for row in report["channels"]],
        "processes": [_process(row) for row in report["processes"]],
        "pending": Contact.objects.filter(
            state=Contact.State.PENDING, pairings__decided_at=None, pairings__expires_at__gt=timezone.now()
        )
        .distinct()
        .count(),
    }


def _channel(row: dict[str, Any]) -> dict[str, Any]:
    state = "off" if not row["enabled"] else "error" if row["last_error"] else "blocked" if row["blocked"] else "ok"
    polled = None if row["poll_age"] is None else timezone.now() - timedelta(seconds=row["poll_age"])
    return {**row, "state": state, "polled": polled}


def _process(row: dict[str, Any]) -> dict[str, Any]:
    state = "silent" if row["beat_age"] > SILENT_SECONDS else "ok"
    started = timezone.now() - timedelta(seconds=row["uptime"])
    return {**row, "state": state, "megabytes": round(row["memory"] / 1024 / 1024), "started": started}
