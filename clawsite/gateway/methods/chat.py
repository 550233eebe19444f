"""chat.*: reading a conversation, writing in it, stopping the answer. The pipeline is the one of all chats."""

from __future__ import annotations

import asyncio
from collections.abc import Hashable
from functools import partial
from typing import Annotated, Any

import msgspec

from bots.commands.registry import match_command
from clawsite.core import audit
from clawsite.core.db import run_db, run_tx
from clawsite.core.errors import BadInput
from clawsite.core.nudge import nudge_on_commit
from clawsite.gateway.access import access_session, find_session, no_session
from clawsite.gateway.cached import Kept, answers
from clawsite.gateway.feeds import feeds
from clawsite.gateway.history import LIMIT, MAX_CHARS, MAX_LIMIT, Page, no_history, read_cursor, read_history
from clawsite.gateway.keys import OwnKey, own_key, parse_key
from clawsite.gateway.overview import AGENT
from clawsite.gateway.principal import Principal, Scope
from clawsite.gateway.registry import Call, Encoded, Later, Params, method
from clawsite.gateway.runs import ABORTED, ENDED, ERROR, OK, Run, find_row, read_run
from clawsite.gateway.stop import stop_runs
from clawsite.gateway.store import Stored, check_message, find_stored, store_message
from clawsite.gateway.timeouts import limit_run
from clawsite.gateway.uploads import Attached, store_files
from sessions_app.models import Message, Session
from sessions_app.sessions import add_message

RunId = Annotated[str, msgspec.Meta(min_length=1, max_length=512)]
Key = Annotated[str, msgspec.Meta(min_length=1, max_length=512)]
# Nobody waits longer, and no turn lasts so long.
MAX_TIMEOUT_MS = 24 * 3600 * 1000
_encode = msgspec.json.Encoder().encode


class HistoryParams(Params):
    """`before` and `cursor` are message numbers: what lies before them is returned. `offset` skips newer ones."""

    session_key: Key
    agent_id: str = AGENT
    session_id: str = ""
    limit: Annotated[int, msgspec.Meta(ge=1, le=MAX_LIMIT)] = LIMIT
    offset: Annotated[int, msgspec.Meta(ge=0, le=2**53)] = 0
    before: Annotated[int, msgspec.Meta(ge=0, le=2**53)] | None = None
    cursor: str | None = None
    max_chars: Annotated[int, msgspec.Meta(ge=1, le=MAX_CHARS)] = MAX_CHARS
    pending_before: int | None = None
    input_run_ids: list[str] | None = None

    def page(self) -> Page:
        """Return which messages are wanted."""
        before = read_cursor(self.cursor) if self.cursor else self.before
        return Page(limit=self.limit, offset=self.offset, before=before, max_chars=self.max_chars)


class SendParams(Params):
    """`idempotency_key` becomes the run's id. What a chat has no use for is taken and has no effect."""

    session_key: Key
    message: str
    idempotency_key: RunId
    agent_id: str = AGENT
    session_id: str | None = None
    attachments: list[Attached] | None = None
    timeout_ms: Annotated[int, msgspec.Meta(ge=0)] = 0
    deliver: bool | None = None
    thinking: str | None = None
    fast_mode: bool | str | None = None
    queue_mode: str | None = None
    reply_to_id: str | None = None
    expected_session_routing_contract: str | None = None
    expected_leaf_entry_id: str | None = None


class AbortParams(Params):
    """Without `run_id` every open run of the session is stopped."""

    session_key: Key
    run_id: str | None = None
    agent_id: str = AGENT
    preserve_side_runs: bool | None = None


class InjectParams(Params):
    """A message of the bot that answers nothing and is sent nowhere."""

    session_key: Key
    message: Annotated[str, msgspec.Meta(min_length=1, max_length=65_536)]
    label: Annotated[str, msgspec.Meta(max_length=100)] = ""
    agent_id: str = AGENT


def check_agent(agent_id: str | None) -> None:
    """Raise BadInput for an agent that is not there."""
    if agent_id not in (None, "", AGENT):
        raise BadInput(f"unknown agent id {agent_id!r}: there is one agent, {AGENT!r}")


# --- chat.history -------------------------------------------------------------------------------------------------
@method("chat.history", scope=Scope.READ, summary="Read a conversation, newest page first.", params=HistoryParams)
def history(call: Call, params: HistoryParams) -> Encoded | Later:
    """Answer from memory when nothing changed; follow the session from what was read on."""
    check_agent(params.agent_id)
    principal, page = call.principal, params.page()
    key = (principal.owner, principal.sees_all, params.session_key, page)
    kept = answers.find(key)
    if kept is not None and _follow(call, kept):
        return Encoded(kept.body)
    return Later(partial(_read, call, key, params.session_key, page))


async def _read(call: Call, key: Hashable, session_key: str, page: Page) -> Encoded:
    make = partial(run_db, _history, call.principal, session_key, page)
    kept = await answers.get(key, make)
    if not _follow(call, kept):
        # Others were told of more than this answer holds: read what this connection was not told.
        answers.forget(kept.session_id)
        kept = await answers.get(key, make)
    return Encoded(kept.body)


def _follow(call: Call, kept: Kept) -> bool:
    """Send the connection what happens after what was read; False when it has missed something."""
    return not kept.session_id or feeds.follow(call.connection, kept.session_id, cursor=kept.last_seq)


def _history(principal: Principal, key: str, page: Page) -> Kept:
    session = find_session(principal, key)
    if session is None:
        place = parse_key(key)
        if not isinstance(place, OwnKey):
            raise no_session(key)
        return Kept(body=_encode(no_history(own_key(place.name))))
    answer = read_history(session, page, owner=principal.owner)
    return Kept(body=_encode(answer), session_id=session.pk, last_seq=session.last_seq)


# --- chat.send ----------------------------------------------------------------------------------------------------
@method("chat.send", scope=Scope.WRITE, summary="Write in a session of your own.", params=SendParams)
async def send(call: Call, params: SendParams) -> dict[str, Any]:
    """Store the message and say so; the answer comes as events, and stays in chat.history."""
    check_agent(params.agent_id)
    if is_stop(params.message):
        return await _abort(call.principal, params.session_key, None)
    stored = await store(call, params.session_key, params.idempotency_key, params.message, params.attachments)
    if not stored.is_new:
        return _again(stored)
    if params.timeout_ms:
        limit_run(
            stored.run,
            stored.session,
            seconds=min(params.timeout_ms, MAX_TIMEOUT_MS) / 1000,
            actor=call.principal.owner,
        )
    return {"runId": stored.run.run_id, "status": "started"}


async def store(call: Call, key: str, run_id: str, text: str, attachments: list[Attached] | None) -> Stored:
    """Store a message of the caller's once, and have the connection hear what becomes of it."""
    check_message(text, has_files=bool(attachments))
    principal, files = call.principal, []
    if attachments:
        stored = await run_db(find_stored, principal, key, run_id, text=text)
        if stored is None:
            files = await asyncio.to_thread(store_files, principal.owner, attachments)
    stored = await run_tx(store_message, principal, key=key, run_id=run_id, text=text, files=files)
    answers.forget(stored.session.pk)
    feeds.follow(call.connection, stored.session.pk, cursor=stored.session.last_seq)
    if not stored.run.has_ended:
        feeds.expect_run(stored.session.pk, stored.run)
    return stored


def is_stop(text: str) -> bool:
    """Tell whether a text is the command that stops, under any of its names."""
    match = match_command(text, bot_username="")
    return match is not None and match.command.name == "stop"


_REPLAYED = {OK: "ok", ERROR: "error", ABORTED: "error"}


def _again(stored: Stored) -> dict[str, Any]:
    """Return what is said to a message that we have already."""
    run = stored.run
    if run.state not in ENDED:
        return {"runId": run.run_id, "status": "in_flight"}
    summary = {"summary": "aborted" if run.state == ABORTED else run.error} if run.state != OK else {}
    return {"runId": run.run_id, "status": _REPLAYED[run.state], **summary}


# --- chat.abort ---------------------------------------------------------------------------------------------------
@method("chat.abort", scope=Scope.WRITE, summary="Stop the answer that is being made.", params=AbortParams)
async def abort(call: Call, params: AbortParams) -> dict[str, Any]:
    """Stop every open run of a session, or one of them."""
    check_agent(params.agent_id)
    return await _abort(call.principal, params.session_key, params.run_id)


async def _abort(principal: Principal, key: str, run_id: str | None) -> dict[str, Any]:
    runs = await run_tx(_stop, principal, key, run_id)
    return {"ok": True, "aborted": bool(runs), "runIds": [run.run_id for run in runs]}


def _stop(principal: Principal, key: str, run_id: str | None) -> list[Run]:
    session = find_session(principal, key)
    if session is None:
        if isinstance(parse_key(key), OwnKey):
            return []
        raise no_session(key)
    only = _run_in(session, principal, run_id) if run_id else None
    return stop_runs(session, actor=principal.owner, only=only)


def _run_in(session: Session, principal: Principal, run_id: str) -> int:
    """Return the row of a run of this session; BadInput when it belongs to another."""
    pk = find_row(session.channel_id, session.chat_id.partition("/")[0], run_id)
    number = run_id.removeprefix("inbox:")
    if pk is None and run_id.startswith("inbox:") and number.isdecimal():
        pk = int(number[:18])
    run = read_run(pk) if pk is not None else None
    if run is None or run.place != (session.channel_id, session.chat_id, session.thread_id):
        raise BadInput("runId does not match sessionKey")
    return run.inbox_id


# --- chat.inject --------------------------------------------------------------------------------------------------
@method("chat.inject", scope=Scope.ADMIN, summary="Add a note of the bot to a conversation.", params=InjectParams)
async def inject(call: Call, params: InjectParams) -> dict[str, Any]:
    """Add a message that answers nothing; it is sent nowhere, and the model does not read it."""
    check_agent(params.agent_id)
    pk = await run_tx(_inject, call.principal, params)
    return {"ok": True, "messageId": str(pk)}


def _inject(principal: Principal, params: InjectParams) -> int:
    session = access_session(principal, params.session_key)
    text = f"[{params.label}]\n\n{params.message}" if params.label else params.message
    message = add_message(session.pk, role=Message.Role.NOTICE, text=text, data={"plain": True})
    audit.record("session.inject", actor=principal.subject, subject=session.ref, message=message.pk)
    nudge_on_commit("session", session=session.pk)
    return message.pk
