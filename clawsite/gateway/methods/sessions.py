"""sessions.* that read and follow: one's own conversations, and everybody's for an admin's token."""

from __future__ import annotations

import inspect
from typing import Annotated, Any

import msgspec

from clawsite.core.db import run_db
from clawsite.core.errors import BadInput
from clawsite.gateway.access import access_session, find_session, visible_sessions
from clawsite.gateway.feeds import feeds
from clawsite.gateway.history import MINE
from clawsite.gateway.keys import key_for
from clawsite.gateway.listing import ListParams, View, list_sessions
from clawsite.gateway.methods.chat import Key, check_agent
from clawsite.gateway.overview import AGENT
from clawsite.gateway.principal import Principal, Scope
from clawsite.gateway.registry import Call, Params, method
from clawsite.gateway.rows import describe_session
from clawsite.gateway.telling import now_ms
from sessions_app.models import Session

MAX_KEYS = 64


class KeyParams(Params):
    """One session."""

    key: Key
    agent_id: str | None = None
    include_approvals: bool | None = None


class SubscribeParams(ListParams):
    """With a `limit` the list comes along."""

    limit: Annotated[int, msgspec.Meta(ge=1, le=500)] | None = None  # type: ignore[assignment]


class DescribeParams(Params):
    """One session, with what is wanted of it."""

    key: Key
    include_derived_titles: bool = False
    include_last_message: bool = False
    agent_id: str | None = None


class ResolveParams(Params):
    """Exactly one of key, session_id and label."""

    key: str | None = None
    session_id: str | None = None
    label: str | None = None
    agent_id: str | None = None
    allow_missing: bool = False
    include_global: bool | None = None
    include_unknown: bool | None = None
    spawned_by: str | None = None


class PreviewParams(Params):
    """The last messages of several sessions."""

    keys: Annotated[list[str], msgspec.Meta(min_length=1, max_length=MAX_KEYS)]
    limit: Annotated[int, msgspec.Meta(ge=1, le=50)] = 12
    max_chars: Annotated[int, msgspec.Meta(ge=20, le=2000)] = 240


def view_of(principal: Principal) -> View:
    """Return what a principal may see."""
    return View(owner=principal.owner, sees_all=principal.sees_all)


@method("sessions.list", scope=Scope.READ, summary="List the sessions you may see, newest first.", params=ListParams)
def list_(call: Call, params: ListParams) -> Any:
    """Answer from memory when nothing changed."""
    return list_sessions(view_of(call.principal), params)


@method("sessions.subscribe", scope=Scope.READ, summary="Hear of every session you may see.", params=SubscribeParams)
async def subscribe(call: Call, params: SubscribeParams) -> dict[str, Any]:
    """Send `sessions.changed` and `session.message` from here on."""
    await feeds.watch_sessions(call.connection, True)
    if params.limit is None:
        return {"subscribed": True}
    found = list_sessions(view_of(call.principal), msgspec.convert(msgspec.to_builtins(params), ListParams))
    return {"subscribed": True, "list": await found if inspect.isawaitable(found) else found}


@method("sessions.unsubscribe", scope=Scope.READ, summary="Stop hearing of sessions.")
async def unsubscribe(call: Call, params: Params) -> dict[str, Any]:
    """Stop what sessions.subscribe began."""
    await feeds.watch_sessions(call.connection, False)
    return {"subscribed": False}


@method("sessions.messages.subscribe", scope=Scope.READ, summary="Follow one session.", params=KeyParams)
async def messages_subscribe(call: Call, params: KeyParams) -> dict[str, Any]:
    """Send what happens in a session from here on."""
    session = await run_db(access_session, call.principal, params.key)
    if not feeds.follow(call.connection, session.pk, cursor=session.last_seq):
        # Others were told of more than this: say the number of what this connection was not told.
        session = await run_db(access_session, call.principal, params.key)
    return {"subscribed": True, "key": key_for(call.principal.owner, session), "lastSeq": session.last_seq}


@method("sessions.messages.unsubscribe", scope=Scope.READ, summary="Stop following a session.", params=KeyParams)
async def messages_unsubscribe(call: Call, params: KeyParams) -> dict[str, Any]:
    """Stop what following began."""
    session = await run_db(access_session, call.principal, params.key)
    feeds.unfollow(call.connection, session.pk)
    return {"subscribed": False, "key": key_for(call.principal.owner, session)}


@method("sessions.describe", scope=Scope.READ, summary="Show one session.", params=DescribeParams)
async def describe(call: Call, params: DescribeParams) -> dict[str, Any]:
    """Return a session's row, null when there is none."""
    return {"session": await run_db(_describe, call.principal, params)}


def _describe(principal: Principal, params: DescribeParams) -> dict[str, Any] | None:
    session = find_session(principal, params.key)
    if session is None:
        return None
    return describe_session(
        session, owner=principal.owner, previews=params.include_last_message, titles=params.include_derived_titles
    )


@method("sessions.resolve", scope=Scope.READ, summary="Find a session by key, id or label.", params=ResolveParams)
async def resolve(call: Call, params: ResolveParams) -> dict[str, Any]:
    """Return the key of the one session that is meant."""
    check_agent(params.agent_id)
    key = await run_db(_resolve, call.principal, params)
    if key is None and not params.allow_missing:
        raise BadInput(f"No session found: {params.key or params.session_id or params.label}")
    return {"ok": key is not None, "key": key, "agentId": AGENT} if key is not None else {"ok": False}


def _resolve(principal: Principal, params: ResolveParams) -> str | None:
    given = [value for value in (params.key, params.session_id, params.label) if value]
    if len(given) != 1:
        raise BadInput("give one of key, sessionId and label")
    if params.key:
        found = [find_session(principal, params.key)]
    else:
        rows = visible_sessions(principal)
        number = (params.session_id or "").partition("-")[0]
        by_id = rows.filter(pk=int(number[:18]) if number.isdecimal() else 0)
        found = list((by_id if params.session_id else rows.filter(title=params.label)).order_by("-active_at")[:2])
    if len(found) > 1:
        raise BadInput(f"Multiple sessions found with label: {params.label}")
    return key_for(principal.owner, found[0]) if found and found[0] is not None else None


@method("sessions.preview", scope=Scope.READ, summary="Show the last messages of some sessions.", params=PreviewParams)
async def preview(call: Call, params: PreviewParams) -> dict[str, Any]:
    """Return a few short messages of each session; `missing` for one that is not there for you."""
    return {"ts": now_ms(), "previews": await run_db(_preview, call.principal, params)}


def _preview(principal: Principal, params: PreviewParams) -> list[dict[str, Any]]:
    shown = []
    for key in params.keys:
        session = find_session(principal, key)
        items = _items(session, params) if session is not None else []
        status = "missing" if session is None else "ok" if items else "empty"
        shown.append({"key": key, "status": status, "items": items})
    return shown


def _items(session: Session, params: PreviewParams) -> list[dict[str, str]]:
    rows = session.messages.filter(seq__gt=session.start_seq).order_by("-seq")[: params.limit]
    return [
        {"role": "user" if row.role in MINE else "assistant", "text": row.text[: params.max_chars]}
        for row in reversed(rows)
    ]
