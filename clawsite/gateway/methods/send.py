"""send: writing to a chat of a channel as the bot. Only where the bot was spoken to before, or was let in."""

from __future__ import annotations

import hashlib
from functools import partial
from typing import Annotated, Any

import msgspec
from django.db import IntegrityError

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
# What a second try must say as the first did.
_ASKED = ("message", "to", "channel", "account_id", "thread_id", "session_key", "reply_to_id")


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
    work = partial(_send, call.principal, params)
    try:
        return await run_tx(work)
    except IntegrityError:  # the same key came twice at the same moment: the other one is there now
        return await run_tx(work)


def _send(principal: Principal, params: SendParams) -> dict[str, Any]:
    if not principal.sees_all:
        raise NotAllowed("Only an admin's token may write to chats as the bot.")
    dedupe_key = _dedupe_key(principal, params.idempotency_key)
    earlier = Outbox.objects.select_related("channel").filter(dedupe_key=dedupe_key).first()
    if earlier is not None:
        _check_same(params, earlier)
        return _sent(params, earlier)
    session = access_session(principal, params.session_key) if params.session_key else _open_chat(params)
    message = OutboundMessage(text=params.message, reply_to_id=params.reply_to_id or "", notify=not params.silent)
    asked = {"asked": _digest_of(params)}
    row = say(session, message, role=Message.Role.ASSISTANT, dedupe_key=dedupe_key, extra=asked)
    if row is None:
        raise IntegrityError("The key was used while the session was waited for.")
    audit.record("message.send", actor=principal.subject, subject=session.ref, characters=len(params.message))
    return _sent(params, row)


def _dedupe_key(principal: Principal, key: str) -> str:
    whole = f"{principal.owner}:{key}".encode("utf-8", "surrogatepass")
    return f"send:{hashlib.sha256(whole).hexdigest()}"


def _digest_of(params: SendParams) -> str:
    """Return what stands for the message and its place, whatever other parameters there are or will be."""
    asked = {name: getattr(params, name) or "" for name in _ASKED}
    return hashlib.sha256(msgspec.json.encode(asked)).hexdigest()


def _check_same(params: SendParams, row: Outbox) -> None:
    """Raise BadInput when the key was used for something else, which would never be sent.

    What was asked is compared, not where the row is: a chat may have got a new id meanwhile.
    """
    asked = _digest_of(params)
    if row.payload.get("asked", asked) != asked:
        raise BadInput("this idempotencyKey was used for another message or another chat")


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
