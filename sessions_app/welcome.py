"""Telling a person who waited that they were let in, in the chat where they asked."""

from __future__ import annotations

import secrets

from django.conf import settings
from django.utils import translation
from django.utils.translation import gettext as _

from clawsite.core.nudge import nudge_on_commit
from sessions_app.channels import WEBCHAT
from sessions_app.models import Contact, Message
from sessions_app.outbox import add_row
from sessions_app.sessions import add_message, find_session


def welcome(contact: Contact, *, role: str) -> None:
    """Queue the good news, in the transaction that lets them in. Nobody is told who never wrote to the bot.

    The page of the web chat sees by itself that it was let in.
    """
    session = find_session(contact.channel_id, chat_id=contact.external_id)
    if session is None or contact.channel.kind == WEBCHAT:
        return
    with translation.override(session.language or contact.language or settings.LANGUAGE_CODE):
        text = _("You are in! Your role is {role}. Send a message, or /help for what I can do.").format(role=role)
    message = add_message(session.pk, role=Message.Role.NOTICE, text=text, data={"plain": True})
    add_row(
        channel_id=session.channel_id,
        chat_id=session.chat_id,
        session_id=session.pk,
        dedupe_key=f"welcome:{contact.pk}:{secrets.token_hex(4)}",
        payload={"text": text, "plain": True, "message": message.pk},
    )
    nudge_on_commit("session", session=session.pk)
