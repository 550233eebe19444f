"""sessions.*: one's own conversations, and everybody's for an admin's token."""

from __future__ import annotations

import inspect
import time
from typing import Annotated, Any

import msgspec

from clawsite.core.db import run_db, run_tx
from clawsite.core.errors import BadInput
from clawsite.gateway import changing
from clawsite.gateway.access import access_session, find_session, visible_sessions
from clawsite.gateway.cached import answers
from clawsite.gateway.feeds import feeds
from clawsite.gateway.history import MINE
from clawsite.gateway.keys import key_for, session_id_of
from clawsite.gateway.listing import ListParams, View, forget_lists, list_sessions
from clawsite.gateway.methods.chat import Key, RunId, check_agent, store
from clawsite.gateway.overview import AGENT, database_path
from clawsite.gateway.principal import Principal, Scope
from clawsite.gateway.registry import Call, Params, method
from clawsite.gateway.rows import describe_session
from clawsite.gateway.telling import now_ms
from clawsite.gateway.waiting import wait_until_quiet
from sessions_app.models import Session

MAX_KEYS = 64
REMOVAL_SECONDS = 8.0


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


class PatchParams(Params):
    """null clears. `thinking_level` and its like are settings this gateway has not: they are named in the answer."""

    key: Key
    label: str | msgspec.UnsetType | None = msgspec.UNSET
    model: str | msgspec.UnsetType | None = msgspec.UNSET
    group_activation: str | msgspec.UnsetType | None = msgspec.UNSET
    thinking_level: str | msgspec.UnsetType | None = msgspec.UNSET
    verbose_level: str | msgspec.UnsetType | None = msgspec.UNSET
    reasoning_level: str | msgspec.UnsetType | None = msgspec.UNSET
    trace_level: str | msgspec.UnsetType | None = msgspec.UNSET
    response_usage: str | msgspec.UnsetType | None = msgspec.UNSET
    fast_mode: bool | str | msgspec.UnsetType | None = msgspec.UNSET
    unread: bool | msgspec.UnsetType = msgspec.UNSET
    agent_id: str | None = None
    expected_session_id: str | None = None


class CreateParams(Params):
    """A session of one's own; with a message it begins at once."""

    key: str | None = None
    label: str | None = None
    display_name: str | None = None
    model: str | None = None
    message: str | None = None
    task: str | None = None
    idempotency_key: RunId | None = None
    agent_id: str | None = None
    thinking_level: str | None = None
    parent_session_key: str | None = None
    emit_command_hooks: bool | None = None
    succeeds_parent: bool | None = None


class ResetParams(Params):
    """`reason` is new or reset, which are the same here."""

    key: Key
    agent_id: str | None = None
    reason: str | None = None


class DeleteParams(Params):
    """The session and everything in it. Keeping the transcript is not possible."""

    key: Key
    agent_id: str | None = None
    delete_transcript: bool = True
    expected_session_id: str | None = None
    emit_lifecycle_hooks: bool | None = None


class CompactParams(Params):
    """`max_lines` has no effect."""

    key: Key
    agent_id: str | None = None
    max_lines: int | None = None


def view_of(principal: Principal) -> View:
    """Return what a principal may see."""
    return View(owner=principal.owner, sees_all=principal.sees_all)


# --- reading ------------------------------------------------------------------------------------------------------
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
    feeds.follow(call.connection, session.pk, cursor=session.last_seq)
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


# --- changing -----------------------------------------------------------------------------------------------------
def _changed(session: Session, principal: Principal) -> dict[str, Any]:
    """Return the answer to a change; what is kept in memory of the session is forgotten."""
    answers.forget(session.pk)
    forget_lists()
    key = key_for(principal.owner, session)
    entry = {"sessionId": session_id_of(session), "updatedAt": now_ms(), "label": session.title or None}
    entry |= {"model": session.model or None, "modelOverride": session.model or None}
    return {"ok": True, "path": database_path(), "key": key, "entry": entry}


_UNKNOWN_HERE = ("thinking_level", "verbose_level", "reasoning_level", "trace_level", "response_usage", "fast_mode")


@method("sessions.patch", scope=Scope.WRITE, summary="Set a session's label, model or trigger.", params=PatchParams)
async def patch(call: Call, params: PatchParams) -> dict[str, Any]:
    """Set what is given; what this gateway has no setting for is listed as `unsupported`."""
    check_agent(params.agent_id)
    session = await run_tx(_patch, call.principal, params)
    unsupported = [_camel(name) for name in _UNKNOWN_HERE if getattr(params, name) not in (msgspec.UNSET, None)]
    answer = _changed(session, call.principal)
    answer["resolved"] = await run_db(_resolved, session)
    return answer | ({"unsupported": unsupported} if unsupported else {})


def _resolved(session: Session) -> dict[str, Any]:
    row = describe_session(session, owner="")
    return {"modelProvider": row["modelProvider"], "model": row["model"]}


def _camel(name: str) -> str:
    head, *rest = name.split("_")
    return head + "".join(word.capitalize() for word in rest)


def _patch(principal: Principal, params: PatchParams) -> Session:
    fields: dict[str, Any] = {}
    if params.label is not msgspec.UNSET:
        fields["title"] = changing.read_title(params.label)
    if params.group_activation is not msgspec.UNSET:
        if params.group_activation not in changing.GROUP_TRIGGERS:
            raise BadInput("groupActivation is mention, always or null")
        fields["trigger"] = changing.GROUP_TRIGGERS[params.group_activation]
    session = changing.get_or_create(principal, params.key)
    if params.expected_session_id not in (None, session_id_of(session)):
        raise BadInput("the session was reset since; read it again")
    model = None if params.model is msgspec.UNSET else (params.model or "")
    return changing.change_session(principal, session, fields, model=model.rpartition("/")[2] if model else model)


@method("sessions.create", scope=Scope.WRITE, summary="Begin a session of your own.", params=CreateParams)
async def create(call: Call, params: CreateParams) -> dict[str, Any]:
    """Make a session, and give its first message to the pipeline when there is one."""
    check_agent(params.agent_id)
    title = changing.read_title(params.label or params.display_name)
    session = await run_tx(changing.create_session, call.principal, params.key, title=title, model=params.model)
    answer = _changed(session, call.principal) | {"sessionId": session_id_of(session)}
    text = params.message or params.task
    if text:
        run_id = params.idempotency_key or f"create-{session.pk}-{time.time_ns()}"
        stored = await store(call, answer["key"], run_id, text, None)
        answer |= {"runId": stored.run.run_id, "runStarted": stored.is_new}
    return answer


@method("sessions.reset", scope=Scope.WRITE, summary="Begin a conversation anew under its key.", params=ResetParams)
async def reset(call: Call, params: ResetParams) -> dict[str, Any]:
    """What /reset does."""
    check_agent(params.agent_id)
    return _changed(await run_tx(changing.reset_session, call.principal, params.key), call.principal)


@method("sessions.delete", scope=Scope.WRITE, summary="Remove a session with everything in it.", params=DeleteParams)
async def delete(call: Call, params: DeleteParams) -> dict[str, Any]:
    """Stop what runs, then remove the session, its messages, facts and files."""
    check_agent(params.agent_id)
    if not params.delete_transcript:
        raise BadInput("a session is deleted with its transcript; sessions.reset keeps it")
    principal = call.principal
    session = await run_tx(changing.stop_before_removal, principal, params.key)
    if session is None:
        return {"ok": True, "key": params.key, "deleted": False, "archived": []}
    answer = _changed(session, principal)
    await wait_until_quiet(session, seconds=REMOVAL_SECONDS)
    number = session.pk
    await run_db(changing.remove_session, principal, session)
    answers.forget(number)
    forget_lists()
    return {"ok": True, "key": answer["key"], "deleted": True, "archived": []}


@method("sessions.compact", scope=Scope.WRITE, summary="Say how old messages are kept.", params=CompactParams)
async def compact(call: Call, params: CompactParams) -> dict[str, Any]:
    """Old messages are summarized behind the answers, so there is never anything to do."""
    session = await run_db(access_session, call.principal, params.key)
    reason = "older messages are summarized by themselves when they no longer fit"
    return {"ok": True, "key": key_for(call.principal.owner, session), "compacted": False, "reason": reason}
