"""sessions.* that change something: made, set, begun anew and removed, by their owner or an admin's token."""

from __future__ import annotations

import time
from typing import Any

import msgspec

from clawsite.core.db import run_db, run_tx
from clawsite.core.errors import BadInput
from clawsite.gateway import changing
from clawsite.gateway.access import access_session
from clawsite.gateway.cached import answers
from clawsite.gateway.keys import key_for, session_id_of
from clawsite.gateway.listing import forget_lists
from clawsite.gateway.methods.chat import Key, RunId, check_agent, store
from clawsite.gateway.overview import database_path
from clawsite.gateway.principal import Principal, Scope
from clawsite.gateway.registry import Call, Params, method
from clawsite.gateway.rows import describe_session
from clawsite.gateway.store import check_message
from clawsite.gateway.telling import now_ms
from clawsite.gateway.waiting import wait_until_quiet
from sessions_app.models import Session

REMOVAL_SECONDS = 8.0


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
    """Make a session, and give its first message to the pipeline when there is one.

    With an idempotency key, repeating it gives the same session and the same run.
    """
    check_agent(params.agent_id)
    title = changing.read_title(params.label or params.display_name)
    text = params.message or params.task
    if text:
        check_message(text, has_files=False)
    key = params.key or changing.new_key(params.idempotency_key)
    session = await run_tx(changing.create_session, call.principal, key, title=title, model=params.model)
    answer = _changed(session, call.principal) | {"sessionId": session_id_of(session)}
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
