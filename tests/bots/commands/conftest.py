"""Fixtures of the chat commands."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from bots.channels.base import Address, InboundMessage, OutboundMessage, Sender
from bots.commands.registry import CommandContext, match_command, run_command
from sessions_app.models import Contact, Session
from sessions_app.prompts.layers import ensure_layers
from tests.sessions_app.people import People, make_people

Say = Callable[..., tuple[OutboundMessage, ...]]


@pytest.fixture
def people(db: None) -> People:
    """Alice (admin), Bob (operator) and Charlie (stranger)."""
    ensure_layers()
    return make_people()


def make_context(
    contact: Contact, session: Session, args: str, *, language: str = "en", pressed: str = ""
) -> CommandContext:
    """What the pipeline would hand to a command; `pressed` is the message whose button it was."""
    message = InboundMessage(
        external_id="1",
        kind="callback" if pressed else "message",
        address=Address(chat_id=session.chat_id),
        direct=session.kind == Session.Kind.DIRECT,
        sender=Sender(external_id=contact.external_id),
        message_id=pressed or "7",
    )
    return CommandContext(
        session=session,
        contact=contact,
        channel=contact.channel,
        actor=contact.actor,
        args=args,
        message=message,
        language=language,
    )


@pytest.fixture
def say() -> Say:
    """Type a command (or press its button) as somebody, somewhere; returns the answers."""

    def typed(
        contact: Contact, session: Session, text: str, *, language: str = "en", pressed: str = ""
    ) -> tuple[OutboundMessage, ...]:
        match = match_command(text, bot_username="clawbot")
        assert match is not None, text
        context = make_context(contact, session, match.args, language=language, pressed=pressed)
        return run_command(match.command, context)

    return typed
