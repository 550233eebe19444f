"""Brings cards to their chats: the newest version of each becomes a row of the outbox, as an edit or a new message.

One row of a card is open at a time. While it waits it takes over what is newer; while it is being sent the card waits.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from django.db import transaction
from django.utils import translation

from bots.access import language_of
from bots.cards.registry import CardView, render_card
from bots.channels.base import OutboundMessage
from bots.commits import say
from bots.outgoing import queue_for, shown_of
from clawsite.core.db import run_db
from clawsite.core.errors import log_unknown
from clawsite.core.nudge import Wake, nudge_on_commit
from sessions_app.contacts import find_contact, find_group
from sessions_app.models import Card, Contact, Message, Outbox, Session
from sessions_app.sessions import zone_of

LOOK_SECONDS = 1.0
AT_ONCE = 50
# How many are looked at for that: in a chat that is not reached now, many may wait.
LOOKED_AT = 300
# What a row keeps of the version that waited in it.
_KEPT = ("message", "group", "lang", "edit_ids", "fresh")


async def keep_cards(wake: Wake) -> None:
    """Queue what has changed, until cancelled."""
    while True:
        queued = 0
        try:
            queued = await run_db(queue_changed)
        except Exception as error:
            log_unknown(error, where="cards")
        if queued < AT_ONCE:
            await wake.within(LOOK_SECONDS)


def queue_changed() -> int:
    """Queue the newest versions, oldest change first, each in its own transaction; return how many cards were done.

    Those that must wait, or fail, keep none of the others waiting.
    """
    free = Card.objects.filter(changed=True).exclude(outbox__state=Outbox.State.SENDING)
    changed = free.order_by("changed_at").values_list("pk", flat=True)
    queued = 0
    for pk in list(changed[:LOOKED_AT]):
        try:
            queued += _queue(pk)
        except Exception as error:
            log_unknown(error, where=f"card {pk}")
        if queued == AT_ONCE:
            break
    return queued


@transaction.atomic
def _queue(pk: int) -> bool:
    """Queue the newest version of a card; False when that must wait or another process has done it."""
    cards = Card.objects.select_for_update(of=("self",)).select_related("session__channel", "outbox")
    card = cards.filter(pk=pk, changed=True).first()
    if card is None or (card.outbox is not None and card.outbox.state == Outbox.State.SENDING):
        return False
    contact = find_contact(card.session.channel_id, card.session.chat_id)
    message = _word(card, contact)
    if message is not None and not _bring(card, message, language=_language(card, contact)):
        return False
    card.changed, card.ring = False, Card.Ring.NO
    card.save(update_fields=["changed", "ring", "outbox", "remote_ids", "message_id", "error"])
    return True


def _word(card: Card, contact: Contact | None) -> OutboundMessage | None:
    """Return a card's message; None, with the reason on the card, when there is nothing to be shown there."""
    if not _may_hear(card.session, contact):
        card.error = "the chat is not allowed to use the bot"
        return None
    language = _language(card, contact)
    view = CardView(zone=zone_of(card.session), language=language, is_group=card.session.kind == Session.Kind.GROUP)
    try:
        with translation.override(language):
            message = render_card(card.kind, card.data, view)
    except Exception as error:  # a renderer is somebody else's code: the other cards go on
        card.error = f"error {log_unknown(error, where=f'card {card.kind}')}"
        return None
    card.error = ""
    return message


def _may_hear(session: Session, contact: Contact | None) -> bool:
    """Tell whether a chat may be written to: an approved person, an allowed group, or a program's own session."""
    if session.channel.kind == "gateway":
        return True
    if session.kind == Session.Kind.GROUP:
        group = find_group(session.channel_id, session.chat_id)
        return group is not None and group.allowed
    return contact is not None and contact.state == Contact.State.APPROVED


def _language(card: Card, contact: Contact | None) -> str:
    return language_of(card.session, contact, "")


def _bring(card: Card, message: OutboundMessage, *, language: str) -> bool:
    """Have the outbox carry a version; False when its open row has just begun to be sent."""
    row = card.outbox
    if row is not None and row.state == Outbox.State.NEW:
        return _take_over(card, row, message)
    if row is not None and row.state == Outbox.State.SENT:
        card.remote_ids = row.remote_ids
    if card.remote_ids and not card.ring:
        card.outbox = _edit(card, message, language=language)
        return True
    extra: dict[str, Any] = {"lang": language}
    if card.ring == Card.Ring.MOVE and card.remote_ids:
        extra |= {"edit_ids": card.remote_ids, "fresh": True}
    said = replace(message, notify=not card.silent, edit_ids=())
    card.outbox = say(card.session, said, role=Message.Role.NOTICE, dedupe_key=_name(card), extra=extra)
    card.message_id = card.outbox.payload["message"] if card.outbox else None
    return True


def _take_over(card: Card, row: Outbox, message: OutboundMessage) -> bool:
    """Replace what a waiting row says; how it comes stays. Where an edit waits, what is to ring comes after it."""
    kept = {name: row.payload[name] for name in _KEPT if name in row.payload}
    edits = "edit_ids" in kept and not kept.get("fresh")
    if edits and card.ring:
        return False
    payload = replace(message, notify=not edits and not card.silent, edit_ids=()).to_json() | kept
    taken = Outbox.objects.filter(pk=row.pk, state=Outbox.State.NEW).update(payload=payload)
    if taken:
        _show(card, message)
    return bool(taken)


def _edit(card: Card, message: OutboundMessage, *, language: str) -> Outbox | None:
    """Queue an edit of the message in the chat."""
    _show(card, message)
    payload = replace(message, notify=False, edit_ids=tuple(card.remote_ids)).to_json()
    payload |= {"lang": language, "message": card.message_id}
    return queue_for(card.session, payload, dedupe_key=_name(card))


def _show(card: Card, message: OutboundMessage) -> None:
    """Change the row of the transcript too. It is a notice: no model has read it."""
    if card.message_id is not None:
        shown = shown_of(message.to_json())
        Message.objects.filter(pk=card.message_id).update(text=message.text, data=shown)
    nudge_on_commit("session", session=card.session_id)


def _name(card: Card) -> str:
    return f"card:{card.pk}:{card.version}"
