"""health, last-heartbeat: how the system does, from rows that are read at most once a second."""

from __future__ import annotations

import time
from datetime import datetime
from typing import Any

from django.utils import timezone

from clawsite.core.models import Process
from clawsite.gateway.access import visible_sessions
from clawsite.gateway.hot import HotAnswer
from clawsite.gateway.keys import key_for
from clawsite.gateway.listing import View
from clawsite.gateway.methods.sessions import view_of
from clawsite.gateway.overview import (
    AGENT,
    age_ms,
    by_kind,
    channel_summary,
    database_path,
    label,
    read_channels,
    read_processes,
    read_targets,
    to_ms,
)
from clawsite.gateway.principal import Scope
from clawsite.gateway.registry import Call, Params, method
from clawsite.web.report import read_queues, read_services

# The protocol's heartbeat is a turn that the agent takes by itself every so often. There is none here.
NO_HEARTBEAT = {"enabled": False, "every": "disabled", "everyMs": None}


RECENT = 10


class HealthParams(Params):
    """probe is accepted and changes nothing: what is answered is never older than seconds."""

    probe: bool = False


def read_health(view: View) -> dict[str, Any]:
    """Return the health summary: the protocol's parts, then our own queues, processes and breakers."""
    began, now = time.monotonic(), timezone.now()
    kinds = by_kind(read_channels(now=now))
    sessions = read_sessions(view, now=now)
    return {
        "ok": True,
        "ts": to_ms(now),
        "channels": {kind: channel_summary(accounts) for kind, accounts in kinds.items()},
        "channelOrder": list(kinds),
        "channelLabels": {kind: label(kind) for kind in kinds},
        "heartbeatSeconds": 0,
        "defaultAgentId": AGENT,
        "agents": [{"agentId": AGENT, "isDefault": True, "heartbeat": NO_HEARTBEAT, "sessions": sessions}],
        "sessions": sessions,
        "queues": read_queues(now),
        "processes": read_processes(now=now),
        "targets": read_targets(now=now),
        "services": read_services(now),
        "durationMs": round((time.monotonic() - began) * 1000),
    }


_health = HotAnswer(read_health)


def read_sessions(view: View, *, now: datetime) -> dict[str, Any]:
    """Return how many sessions the caller may see, and the latest of them."""
    rows = visible_sessions(view)
    recent = [
        {
            "key": key_for(view.owner, row),
            "updatedAt": to_ms(row.active_at),
            "age": age_ms(row.active_at, now=now),
        }
        for row in rows.order_by("-active_at")[:RECENT]
    ]
    return {"path": database_path(), "count": rows.count(), "recent": recent}


@method("health", scope=Scope.READ, summary="How the system does: channels, sessions, queues.", params=HealthParams)
def health(call: Call, params: HealthParams) -> Any:
    """Answer from memory; the numbers are at most a few seconds old."""
    return _health.get(view_of(call.principal))


def read_last_beat() -> dict[str, Any] | None:
    """Return the latest beat of those who do the work as the protocol's heartbeat event, or None."""
    row = Process.objects.filter(role__in=("bots", "worker")).order_by("-beat_at").first()
    return row if row is None else {"ts": to_ms(row.beat_at), "status": "ok-empty", "reason": f"{row.role} is alive"}


_last_beat = HotAnswer(read_last_beat)


@method("last-heartbeat", scope=Scope.READ, summary="The last sign of life of the bots and workers, or null.")
def last_heartbeat(call: Call, params: Params) -> Any:
    """Answer from memory."""
    return _last_beat.get()
