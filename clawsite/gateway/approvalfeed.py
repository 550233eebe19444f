"""Tells those who may decide that a request came or was decided. What is missed here is in approvals.list."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

from clawsite.core.db import run_db
from clawsite.core.errors import log_unknown
from clawsite.core.nudge import NudgeListener
from clawsite.gateway.approvals import describe, exec_shape, owners_of
from clawsite.gateway.hub import Listener, hub
from clawsite.gateway.once import Once
from clawsite.gateway.overview import to_ms
from clawsite.gateway.principal import Scope
from guardrails.models import Approval

_DECISIONS = {Approval.State.APPROVED: "allow-once", Approval.State.REJECTED: "deny"}
_tasks: set[asyncio.Task[None]] = set()
_told = Once()


@dataclass(frozen=True, kw_only=True, slots=True)
class _News:
    """An event as the owner of the session hears it and as others do, and which owners may hear it at all."""

    event: str
    over: bool
    owner: str
    own: dict[str, Any]
    others: dict[str, Any]
    owners: set[str]


def listen(listener: NudgeListener) -> None:
    """Hear of requests that any process made or decided."""
    listener.on("approval", _on_nudge)


def _on_nudge(data: dict[str, Any]) -> None:
    """Look at the row, if there is anybody to tell."""
    if any(Scope.APPROVALS in each.principal.scopes for each in hub.connections.values()):
        task = asyncio.get_running_loop().create_task(_tell(str(data["key"])), name="approval news")
        _tasks.add(task)
        task.add_done_callback(_tasks.discard)


async def _tell(key: str) -> None:
    try:
        news = await run_db(_read, key)
    except Exception as error:
        log_unknown(error, where="news of an approval")
        return
    if news is None or not _told.is_news(key, over=news.over):
        return

    def is_owner(listener: Listener) -> bool:
        return bool(news.owner) and listener.principal.owner == news.owner

    def may_hear(listener: Listener) -> bool:
        return listener.principal.sees_all or listener.principal.owner in news.owners

    hub.broadcast(news.event, news.own, scope=Scope.APPROVALS, to=is_owner)
    hub.broadcast(news.event, news.others, scope=Scope.APPROVALS, to=lambda each: may_hear(each) and not is_owner(each))


def _read(key: str) -> _News | None:
    approval = Approval.objects.filter(key=key).first()
    if approval is None:
        return None
    owner, owners = owners_of(approval)
    if approval.state == Approval.State.WAITING:
        own, others = (exec_shape(describe([approval], viewer)[0]) for viewer in (owner, ""))
        return _News(event="exec.approval.requested", over=False, owner=owner, own=own, others=others, owners=owners)
    resolved = {
        "id": approval.key,
        "decision": _DECISIONS.get(Approval.State(approval.state)),
        "resolvedBy": approval.decided_by or None,
        "ts": to_ms(approval.decided_at or approval.expires_at),
    }
    return _News(event="exec.approval.resolved", over=True, owner=owner, own=resolved, others=resolved, owners=owners)
