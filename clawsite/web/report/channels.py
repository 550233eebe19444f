"""The accounts the bot speaks through, and the conversations in them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from prometheus_client.metrics_core import Metric

from clawsite.core.metrics import declare
from clawsite.web.report.ages import age_or_none
from sessions_app.models import Channel, Session, Turn

ACTIVE = timedelta(minutes=5)

UP = declare("claw_channel_up", "1 while an account that is switched on has no error.", "channel", "kind")
BLOCKED = declare("claw_channel_blocked", "1 while a platform tells an account to wait.", "channel", "kind")
POLL_AGE = declare("claw_poll_age_seconds", "Time since an account was last asked for news.", "channel", "kind")
SESSIONS = declare("claw_sessions", "Conversations: all, and those of the last five minutes.", "kind")


def read_channels(now: datetime) -> list[dict[str, Any]]:
    """Return every account."""
    return [_channel(row, now) for row in Channel.objects.order_by("pk")]


def _channel(row: Channel, now: datetime) -> dict[str, Any]:
    return {
        "name": row.name,
        "kind": row.kind,
        "enabled": row.enabled,
        "poll_age": age_or_none(row.last_poll_at, now) if _is_polled(row) else None,
        "last_error": row.last_error,
        "blocked": row.blocked_until is not None and row.blocked_until > now,
    }


def _is_polled(row: Channel) -> bool:
    """Tell whether an account asks for its news. One with a webhook once may have, and its age would say nothing."""
    return (row.config.get("mode") or settings.TELEGRAM_MODE) != "webhook"


def read_sessions(now: datetime) -> dict[str, int]:
    """Return how many conversations there are."""
    return {
        "all": Session.objects.count(),
        "active": Session.objects.filter(active_at__gte=now - ACTIVE).count(),
    }


def read_last_command() -> str | None:
    """Return when a command was last answered."""
    row = Turn.objects.filter(outcome="command").order_by("-pk").values_list("finished_at", flat=True).first()
    return row.isoformat() if row else None


def channel_gauges(report: dict[str, Any]) -> Iterator[Metric]:
    """Yield what a scrape shows of accounts and conversations."""
    used = [channel for channel in report.get("channels", []) if channel["enabled"]]
    yield UP.show((_names(channel), not channel["last_error"]) for channel in used)
    yield BLOCKED.show((_names(channel), channel["blocked"]) for channel in used)
    yield POLL_AGE.show((_names(channel), channel["poll_age"]) for channel in used if channel["poll_age"] is not None)
    yield SESSIONS.show(((kind,), count) for kind, count in report.get("sessions", {}).items())


def _names(channel: dict[str, Any]) -> tuple[str, str]:
    return channel["name"], channel["kind"]
