"""Sessions as clients list them. One page costs the same few queries however long the conversations are."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from django.db.models import F, OuterRef, Subquery
from django.db.models.functions import Substr

from bots.agent.targets import DEFAULT_WINDOW, context_window, targets_for
from clawsite.gateway import overview
from clawsite.gateway.keys import MAIN_KEY, key_for, owner_of, session_id_of
from clawsite.gateway.overview import AGENT
from clawsite.gateway.runs import read_runs
from sessions_app.models import Message, Session, Turn
from sessions_app.turns import open_turns

PROVIDER = "anthropic"
PREVIEW_CHARS = 200
_STATUS = {
    Turn.State.RUNNING: "running",
    Turn.State.PARKED: "running",
    Turn.State.DONE: "done",
    Turn.State.FAILED: "failed",
    Turn.State.CANCELLED: "killed",
}


def to_ms(when: datetime | None) -> int | None:
    """Return a time as the wire has it."""
    return None if when is None else overview.to_ms(when)


def defaults() -> dict[str, Any]:
    """Return what holds for sessions that were set to nothing else."""
    targets = targets_for("")
    model = targets[0].model if targets else None
    window = context_window(targets[0]) if targets else DEFAULT_WINDOW
    return {"modelProvider": PROVIDER if model else None, "model": model, "contextTokens": window}


def describe_sessions(
    sessions: Sequence[Session], *, owner: str, previews: bool = False, titles: bool = False
) -> list[dict[str, Any]]:
    """Return the rows of sessions (with their channels), as one owner knows them."""
    ids = [session.pk for session in sessions]
    turns, running = _last_turns(ids), _running(ids)
    tokens = _tokens(turns.values())
    last = _last_messages(ids) if previews else {}
    first = _first_messages(ids) if titles else {}
    rows = []
    for session in sessions:
        turn = turns.get(session.pk)
        row = _row(session, owner) | _state(turn, running.get(session.pk, ())) | tokens.get(session.pk, {})
        if session.pk in last:
            row["lastMessagePreview"] = last[session.pk]
        if titles:
            row["derivedTitle"] = session.title or first.get(session.pk) or row["displayName"]
        rows.append(row)
    return rows


def describe_session(session: Session, *, owner: str, previews: bool = False, titles: bool = False) -> dict[str, Any]:
    """Return the row of one session."""
    return describe_sessions([session], owner=owner, previews=previews, titles=titles)[0]


def no_row(key: str) -> dict[str, Any]:
    """Return the row of a session of the caller's own that nobody wrote in yet."""
    return {
        "key": key,
        "kind": "direct",
        "chatType": "direct",
        "agentId": AGENT,
        "isMain": key == MAIN_KEY,
        "updatedAt": None,
        "archived": False,
        "pinned": False,
        "unread": False,
        "totalTokensFresh": False,
        "hasActiveRun": False,
        "activeRunIds": [],
        **defaults(),
    }


def _row(session: Session, owner: str) -> dict[str, Any]:
    key, targets = key_for(owner, session), targets_for(session.model)
    name = session.title or (session.chat_id.partition("/")[2] if owner_of(session) else session.chat_id)
    row: dict[str, Any] = {
        "key": key,
        "kind": session.kind,
        "chatType": session.kind,
        "agentId": AGENT,
        "isMain": key == MAIN_KEY,
        "isBackground": False,
        "displayName": name,
        "channel": session.channel.kind,
        "lastChannel": session.channel.kind,
        "lastTo": session.chat_id,
        "lastAccountId": session.channel.name,
        "createdAt": to_ms(session.created_at),
        "updatedAt": to_ms(session.active_at),
        "lastInteractionAt": to_ms(session.active_at),
        "sessionId": session_id_of(session),
        "systemSent": session.last_seq > session.start_seq,
        "abortedLastRun": False,
        "archived": False,
        "pinned": False,
        "unread": False,
        "modelProvider": PROVIDER if targets else None,
        "model": targets[0].model if targets else None,
        "modelOverrideSource": "user" if session.model else None,
        "contextTokens": context_window(targets[0]) if targets else DEFAULT_WINDOW,
    }
    if session.title:
        row["label"] = session.title
    if session.kind == Session.Kind.GROUP:
        row["subject"] = session.title or None
        row["groupActivation"] = "always" if session.trigger == Session.Trigger.ALWAYS else "mention"
    return row


def _state(turn: Turn | None, running: Sequence[str]) -> dict[str, Any]:
    shown: dict[str, Any] = {"hasActiveRun": bool(running), "activeRunIds": list(running)}
    if turn is not None:
        started, ended = to_ms(turn.started_at), to_ms(turn.finished_at)
        shown["status"] = _STATUS[Turn.State(turn.state)]
        shown["abortedLastRun"] = turn.state == Turn.State.CANCELLED
        shown["startedAt"] = started
        if ended is not None and started is not None:
            shown |= {"endedAt": ended, "runtimeMs": ended - started}
    return shown


def _last_turns(ids: Sequence[int]) -> dict[int, Turn]:
    newest = Turn.objects.filter(session=OuterRef("pk")).order_by("-id").values("pk")[:1]
    pks = Session.objects.filter(pk__in=ids).annotate(turn=Subquery(newest)).values_list("turn", flat=True)
    found = Turn.objects.filter(pk__in=[pk for pk in pks if pk]).defer("agent_state", "report", "draft", "stages")
    return {turn.session_id: turn for turn in found}


def _running(ids: Sequence[int]) -> dict[int, list[str]]:
    turns = open_turns().filter(session__in=ids)
    found = dict(turns.values_list("inbox_id", "session_id"))
    names: dict[int, list[str]] = defaultdict(list)
    for inbox_id, run in sorted(read_runs(list(found)).items()):
        names[found[inbox_id]].append(run.run_id)
    return names


def _tokens(turns: Iterable[Turn]) -> Mapping[int, dict[str, Any]]:
    """Return the size of each session's newest prompt and answer."""
    return {
        turn.session_id: {
            "inputTokens": turn.input_tokens,
            "outputTokens": turn.output_tokens,
            "totalTokens": turn.input_tokens + turn.cached_tokens,
            "totalTokensFresh": True,
            "estimatedCostUsd": float(turn.cost_usd),
        }
        for turn in turns
    }


def _last_messages(ids: Sequence[int]) -> dict[int, str]:
    rows = Message.objects.filter(session__in=ids, seq=F("session__last_seq"))
    return {pk: text.strip() for pk, text in rows.values_list("session_id", Substr("text", 1, PREVIEW_CHARS))}


def _first_messages(ids: Sequence[int]) -> dict[int, str]:
    """Return the first line that a person wrote since the session began or was reset."""
    rows = Message.objects.filter(session__in=ids, seq=F("session__start_seq") + 1)
    return {pk: text.strip().partition("\n")[0] for pk, text in rows.values_list("session_id", Substr("text", 1, 60))}
