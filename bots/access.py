"""Who may talk to the bot. Strangers get a pairing code twice, then silence. Groups are off until an admin allows."""

from __future__ import annotations

from django.conf import settings
from django.utils import translation

from bots import texts
from bots.channels.base import OutboundMessage, Sender
from bots.work import Ending, Work
from sessions_app.contacts import (
    count_refusal,
    enter_open,
    find_contact,
    find_group,
    get_or_create_contact,
    issue_pairing,
    may_talk_in,
    note_group,
    touch_contact,
)
from sessions_app.languages import find_language
from sessions_app.models import Channel, Contact, Session


def language_of(session: Session | None, contact: Contact | None, platform: str) -> str:
    """Return the language to speak: the session's, else the person's, else the platform's, else the default."""
    for wish in (session.language if session else "", contact.language if contact else "", platform):
        if code := find_language(wish):
            return code
    return settings.LANGUAGE_CODE


def find_sender(channel_id: int, sender: Sender) -> Contact | None:
    """Return the contact who wrote, or None; with no more rights here than the credential they wrote with has."""
    contact = find_contact(channel_id, sender.external_id)
    if contact is not None and sender.role is not None and contact.actor.is_at_least(sender.role):
        contact.role = sender.role.value
    return contact


def check_access(work: Work) -> Ending | None:
    """Return None for a person who may talk here; else how the row ends."""
    sender = work.message.sender
    if sender.is_bot:
        return Ending(outcome="bot", remember=False)
    if work.contact is None and not work.message.direct:
        return Ending(outcome="no_access", remember=False)
    if work.contact is None:
        work.contact = get_or_create_contact(
            work.channel.row,
            sender.external_id,
            name=sender.name,
            username=sender.username,
            language=language_of(None, None, sender.language),
        )
    contact = work.contact
    if (
        contact.state == Contact.State.PENDING
        and work.message.direct
        and work.channel.row.access == Channel.Access.OPEN
    ):
        enter_open(contact)
    if contact.state == Contact.State.APPROVED:
        touch_contact(contact, name=sender.name or contact.name, username=sender.username or contact.username)
        return None if work.message.direct else _check_group(work, contact)
    if contact.state == Contact.State.BLOCKED or not work.message.direct:
        return Ending(outcome="no_access", remember=False)
    return _meet_stranger(work, contact)


def _check_group(work: Work, contact: Contact) -> Ending | None:
    channel_id, chat_id = work.channel.row.pk, work.message.address.chat_id
    group = find_group(channel_id, chat_id) or note_group(channel_id, chat_id, title=work.message.chat_title)
    return None if may_talk_in(group, contact) else Ending(outcome="group_not_allowed", remember=False)


def _meet_stranger(work: Work, contact: Contact) -> Ending:
    """Answer a stranger: twice with the code, then not at all. Strangers never reach a command or the model."""
    if work.channel.row.access != Channel.Access.PAIRING or not count_refusal(contact):
        return Ending(outcome="stranger", remember=False)
    with translation.override(work.language):
        text = texts.pairing(issue_pairing(contact).code)
    return Ending(outcome="pairing", replies=(OutboundMessage(text=text),))
