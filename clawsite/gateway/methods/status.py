"""status: the summary that command lines show: version, channels in a line each, latest sessions and their tokens."""

from __future__ import annotations

import os
from datetime import datetime
from typing import Any

import psutil
from django.conf import settings
from django.utils import timezone

from bots.agent.targets import context_window, list_targets, parse_target
from clawsite.gateway.access import visible_sessions
from clawsite.gateway.hot import HotAnswer
from clawsite.gateway.keys import key_for
from clawsite.gateway.listing import View
from clawsite.gateway.methods.health import NO_HEARTBEAT, RECENT
from clawsite.gateway.methods.sessions import view_of
from clawsite.gateway.overview import (
    AGENT,
    age_ms,
    database_path,
    label,
    read_channels,
    to_ms,
)
from clawsite.gateway.principal import Scope
from clawsite.gateway.registry import Call, Params, method
from sessions_app.models import Session, Turn


class StatusParams(Params):
    """includeCliProjection is accepted and changes nothing."""

    include_channel_summary: bool = True
    include_cli_projection: bool = False


def read_status(view: View, channels: bool) -> dict[str, Any]:
    """Return the status summary of what a caller may see."""
    now = timezone.now()
    rows = visible_sessions(view)
    count = rows.count()
    recent = [_session(row, view.owner, now=now) for row in rows.order_by("-active_at")[:RECENT]]
    model = list_targets()[0]
    return {
        "runtimeVersion": settings.VERSION,
        "heartbeat": {"defaultAgentId": AGENT, "agents": [{"agentId": AGENT, **NO_HEARTBEAT}]},
        "channelSummary": _lines(now) if channels else [],
        "queuedSystemEvents": [],
        "sessions": {
            "paths": [database_path()],
            "count": count,
            "defaults": {"model": model.model, "contextTokens": context_window(model)},
            "recent": recent,
            "byAgent": [{"agentId": AGENT, "path": database_path(), "count": count, "recent": recent}],
        },
        "modelRuntime": {"degraded": False, "pendingAgents": []},
        "processMemory": {"rssBytes": psutil.Process().memory_info().rss},
        "pid": os.getpid(),
    }


def _lines(now: datetime) -> list[str]:
    return [f"{label(each['kind'])} ({each['name']}): {_state(each)}" for each in read_channels(now=now)]


def _state(account: dict[str, Any]) -> str:
    if not account["enabled"]:
        return "disabled"
    if not account["configured"]:
        return "not configured"
    return "running" if account["running"] else "not running"


def _session(row: Session, owner: str, *, now: datetime) -> dict[str, Any]:
    """Return one session with the tokens of its latest answer: how full its context is."""
    target = parse_target(row.model) if row.model else list_targets()[0]
    window = context_window(target)
    turn = Turn.objects.filter(session_id=row.pk).order_by("-pk").values("input_tokens", "output_tokens").first()
    used = turn["input_tokens"] + turn["output_tokens"] if turn else 0
    return {
        "agentId": AGENT,
        "key": key_for(owner, row),
        "kind": row.kind,
        "sessionId": str(row.pk),
        "updatedAt": to_ms(row.active_at),
        "age": age_ms(row.active_at, now=now),
        "inputTokens": turn["input_tokens"] if turn else 0,
        "outputTokens": turn["output_tokens"] if turn else 0,
        "totalTokens": used,
        "remainingTokens": max(0, window - used),
        "percentUsed": round(100 * used / window),
        "model": target.model,
        "contextTokens": window,
        "flags": [],
    }


_status = HotAnswer(read_status)


@method("status", scope=Scope.READ, summary="A summary for command lines and dashboards.", params=StatusParams)
def status(call: Call, params: StatusParams) -> Any:
    """Answer from memory."""
    return _status.get(view_of(call.principal), params.include_channel_summary)
