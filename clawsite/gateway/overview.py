"""What health, status and channels.status tell of the system: channels, processes, breakers. It concerns no person.

Read on the database thread, a few indexed queries each.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Annotated, Any

import msgspec
from django.conf import settings

from clawsite.core.models import Process
from clawsite.core.redaction import redact
from sessions_app.models import Channel

AgentId = Annotated[str, msgspec.Meta(min_length=1, max_length=64)] | None

AGENT = "main"
LABELS = {"telegram": "Telegram", "webchat": "Web chat", "gateway": "Programs"}


def to_ms(moment: datetime) -> int:
    """Return a time as the wire has it: milliseconds since 1970."""
    return round(moment.timestamp() * 1000)


def age_ms(moment: datetime, *, now: datetime) -> int:
    """Return how long ago something was, in milliseconds."""
    return max(0, round((now - moment).total_seconds() * 1000))


def database_path() -> str:
    """Return where the sessions are, in a word: the kind of database, never its address."""
    return "clawsite.sqlite3" if settings.CLAW_ON_SQLITE else "postgresql"


def read_channels(*, now: datetime) -> list[dict[str, Any]]:
    """Return every channel as an account of its kind."""
    bots_alive = is_alive("bots", now=now)
    return [_account(row, bots_alive=bots_alive, now=now) for row in Channel.objects.order_by("pk")]


def _account(row: Channel, *, bots_alive: bool, now: datetime) -> dict[str, Any]:
    blocked = row.blocked_until is not None and row.blocked_until > now
    needs_token = row.kind not in ("webchat", "gateway")
    found: dict[str, Any] = {
        "kind": row.kind,
        "accountId": row.name,
        "name": row.name,
        "enabled": row.enabled,
        "configured": bool(row.token) or not needs_token,
        "running": row.enabled and bots_alive and not blocked,
        "dmPolicy": row.access,
    }
    if row.last_error:
        found["lastError"] = redact(row.last_error)
    if row.last_poll_at is not None:
        found["lastTransportActivityAt"] = to_ms(row.last_poll_at)
    if mode := row.config.get("mode"):
        found["mode"] = str(mode)
    return found


def by_kind(accounts: Iterable[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    """Return the accounts of each kind; a kind is what the protocol calls a channel."""
    kinds: dict[str, list[dict[str, Any]]] = {}
    for account in accounts:
        rest = {key: value for key, value in account.items() if key != "kind"}
        kinds.setdefault(account["kind"], []).append(rest)
    return kinds


def channel_summary(accounts: list[dict[str, Any]]) -> dict[str, Any]:
    """Return one kind's state: that of its accounts taken together, with each of them."""
    return {
        "configured": any(account["configured"] for account in accounts),
        "enabled": any(account["enabled"] for account in accounts),
        "running": any(account["running"] for account in accounts),
        "accounts": {account["accountId"]: account for account in accounts},
    }


def label(kind: str) -> str:
    """Return what people call a kind of channel."""
    return LABELS.get(kind, kind.capitalize())


def read_processes(*, now: datetime) -> list[dict[str, Any]]:
    """Return what every process last said of itself."""
    return [
        {
            "role": row.role,
            "pid": row.pid,
            "beatAgeMs": age_ms(row.beat_at, now=now),
            "uptimeMs": age_ms(row.started_at, now=now),
            "rssBytes": int(row.data.get("rss", 0)) + int(row.data.get("children_rss", 0)),
            "lagMs": row.data.get("lag_ms", 0),
        }
        for row in Process.objects.order_by("role", "pk")
    ]


def read_targets(*, now: datetime) -> dict[str, str]:
    """Return the breaker of each model target that the bots called: closed, probing, or open; the worst counts."""
    rank = {"closed": 0, "probing": 1, "open": 2}
    found: dict[str, str] = {}
    for row in Process.objects.filter(role="bots", beat_at__gt=_alive_since(now)):
        for name, state in row.data.get("targets", {}).items():
            shown = redact(name)
            if rank.get(state, 0) >= rank.get(found.get(shown, ""), -1):
                found[shown] = state
    return found


def is_alive(role: str, *, now: datetime) -> bool:
    """Tell whether a process of the role has beaten lately."""
    return Process.objects.filter(role=role, beat_at__gt=_alive_since(now)).exists()


def _alive_since(now: datetime) -> datetime:
    return now - timedelta(seconds=settings.CLAW_LEASE_SECONDS)
