"""send: writing to a chat of a channel as the bot. Only where the bot was spoken to before, or was let in."""

from __future__ import annotations

import hashlib
from typing import Annotated, Any

import msgspec

from bots.channels.base import OutboundMessage
from bots.commits import say
from clawsite.core import audit
from clawsite.core.db import run_tx
from clawsite.core.errors import BadInput, NotAllowed
from clawsite.gateway.access import access_session
from clawsite.gateway.chats import find_chat
from clawsite.gateway.methods.chat import RunId, check_agent
from clawsite.gateway.principal import Principal, Scope
from clawsite.gateway.registry import Call, Params, method
from sessions_app.models import Message, Outbox, Session

MAX_TEXT = 65_536


class SendParams(Params):
    """`channel` is a kind or a name, `account_id` a name. `to` is the platform's id of a chat."""

    idempotency_key: RunId
    message: Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_TEXT)]
    to: Annotated[str, msgspec.Meta(max_length=200)] = ""
    channel: str | None = None
    account_id: str | None = None
    thread_id: Annotated[str, msgspec.Meta(max_length=64)] | None = None
    reply_to_id: Annotated[str, msgspec.Meta(max_length=64)] | None = None
    silent: bool = False
    session_key: str | None = None
    agent_id: str | None = None


@method("send", scope=Scope.WRITE, summary="Write to a chat of any channel as the bot.", params=SendParams)
async def send(call: Call, params: SendParams) -> dict[str, Any]:
    """Queue one message, once for each idempotency key; it leaves with the channel's outbox."""
    check_agent(params.agent_id)
    return await run_tx(_send, call.principal, params)


def _send(principal: Principal, params: SendParams) -> dict[str, Any]:
    if not principal.sees_all:
        raise NotAllowed("Only an admin's token may write to chats as the bot.")
    dedupe_key = _dedupe_key(principal, params.idempotency_key)
    earlier = Outbox.objects.select_related("channel").filter(dedupe_key=dedupe_key).first()
    if earlier is not None:
        _check_same(principal, params, earlier)
        return _sent(params, earlier)
    session = access_session(principal, params.session_key) if params.session_key else _open_chat(params)
    message = OutboundMessage(text=params.message, reply_to_id=params.reply_to_id or "", notify=not params.silent)
    say(session, message, role=Message.Role.ASSISTANT, dedupe_key=dedupe_key)
    audit.record("message.send", actor=principal.subject, subject=session.ref, characters=len(params.message))
    return _sent(params, Outbox.objects.select_related("channel").get(dedupe_key=dedupe_key))


def _dedupe_key(principal: Principal, key: str) -> str:
    whole = f"{principal.owner}:{key}".encode("utf-8", "surrogatepass")
    return f"send:{hashlib.sha256(whole).hexdigest()}"


def _check_same(principal: Principal, params: SendParams, row: Outbox) -> None:
    """Raise BadInput when the key was used for something else, which would never be sent."""
    place = params.to, params.thread_id or ""
    if params.session_key:
        session = access_session(principal, params.session_key)
        place = session.chat_id, session.thread_id
    if place != (row.chat_id, row.thread_id):
        raise BadInput("this idempotencyKey was used in another chat")
    if params.message != row.payload["text"]:
        raise BadInput("this idempotencyKey was used for another message")


def _sent(params: SendParams, row: Outbox) -> dict[str, Any]:
    return {
        "runId": params.idempotency_key,
        "messageId": str(row.payload["message"]),
        "channel": row.channel.kind,
        "chatId": row.chat_id,
    }


def _open_chat(params: SendParams) -> Session:
    """Return the session of the chat that is named; BadInput when the bot may not write there."""
    if not params.to:
        raise BadInput("to is required without a sessionKey")
    chat = find_chat(
        params.to,
        channel=params.channel or "",
        account=params.account_id or "",
        thread_id=params.thread_id or "",
    )
    return chat.open()
