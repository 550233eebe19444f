"""Where the answer of a scheduled message is told: only where its owner may have the bot write.

Invariant: who does not see everybody's sessions has nothing told outside of their own.
"""

from __future__ import annotations

from django.db import transaction

from bots.channels.base import OutboundMessage
from bots.commits import say
from clawsite.core import audit
from clawsite.core.errors import BadInput, NotAllowed
from clawsite.gateway.access import access_session, get_channel
from clawsite.gateway.chats import Chat, chat_of, find_chat
from clawsite.gateway.keys import MAIN_KEY, PREFIX, OwnKey, own_chat, parse_key
from clawsite.gateway.principal import Principal
from clawsite.gateway.scheduled.params import Delivery
from runbooks.models import Job
from sessions_app.channels import GATEWAY
from sessions_app.models import Message, Outbox

ANNOUNCE = "announce"
# The protocol's word for "wherever they were last": programs read their own sessions, so it is the main one.
LAST = "last"


def find_place(principal: Principal, delivery: Delivery) -> Chat | None:
    """Return where an answer is told, None when it is nowhere; BadInput or NotAllowed for where it may not be."""
    if delivery.mode != ANNOUNCE:
        return None
    if delivery.channel in ("", LAST, GATEWAY):
        return _find_session(principal, delivery)
    if not principal.sees_all:
        raise NotAllowed("Only an admin's schedule may write to chats of other channels.")
    if not delivery.to:
        raise BadInput("delivery.to is required: the platform's id of the chat.")
    return find_chat(delivery.to, channel=delivery.channel, account=delivery.account_id, thread_id=delivery.thread_id)


def _find_session(principal: Principal, delivery: Delivery) -> Chat:
    """Return the place of a session: an own one, which is made when it is missing, or one that is there."""
    if delivery.thread_id or delivery.account_id:
        raise BadInput("delivery.threadId and accountId need a delivery.channel of another kind.")
    key = delivery.to or MAIN_KEY
    if delivery.channel != GATEWAY and not key.startswith(PREFIX):
        raise BadInput("delivery.to needs a delivery.channel, or is a session's key such as agent:main:main.")
    place = parse_key(key)
    if isinstance(place, OwnKey):
        return Chat(channel=get_channel(), chat_id=own_chat(principal.owner, place))
    return chat_of(access_session(principal, key))


def announce(job: Job, principal: Principal, chat: Chat, text: str) -> None:
    """Have a job's answer written to a chat, once, however often the job runs."""
    dedupe_key = f"cron:{job.key}"
    with transaction.atomic():
        Job.objects.select_for_update().get(pk=job.pk)  # of two that run it, one looks after the other has written
        if Outbox.objects.filter(dedupe_key=dedupe_key).exists():
            return
        session = chat.open()
        say(session, OutboundMessage(text=text), role=Message.Role.ASSISTANT, dedupe_key=dedupe_key)
        audit.record(
            "message.send", actor=principal.owner, subject=session.ref, characters=len(text), job=job.key, by="schedule"
        )
