"""What a chat command is: its name, who may use it, and a function from the context to messages."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from django.utils.functional import Promise

from bots.channels.base import Button, InboundMessage, OutboundMessage
from guardrails.types import Actor, Role
from sessions_app.models import Channel, Contact, Session

BUTTON_BYTES = 64


@dataclass(frozen=True, kw_only=True, slots=True)
class CommandContext:
    """Who uses a command, where, with which words after its name. `message` is what they sent or pressed."""

    session: Session
    contact: Contact
    channel: Channel
    actor: Actor
    args: str = ""
    message: InboundMessage | None = None
    language: str = "en"

    @property
    def is_group(self) -> bool:
        """Whether others read along."""
        return self.session.kind == Session.Kind.GROUP


Answer = tuple[OutboundMessage, ...]
Run = Callable[[CommandContext], Answer]


@dataclass(frozen=True, kw_only=True, slots=True)
class Command:
    """A command. `role` may use it, in groups `group_role`; `control` ones never wait behind a running turn.

    `looks` says that it changes nothing whatever its words are: a skill's tool may run it and still be one that reads.

    run is called in the user's language inside the transaction that finishes the row: it reads, writes rows and
    returns; it never talks to anything outside.
    """

    name: str
    description: str | Promise
    run: Run
    role: Role = Role.VIEWER
    group_role: Role | None = None
    control: bool = False
    looks: bool = False
    aliases: tuple[str, ...] = ()
    hidden: bool = False

    def is_allowed(self, context: CommandContext) -> bool:
        """Tell whether the actor may use it here."""
        needed = self.group_role if context.is_group and self.group_role else self.role
        return context.actor.is_at_least(needed)


@dataclass(frozen=True, kw_only=True, slots=True)
class Match:
    """A command that was recognized in a text or a button, and the words that follow it."""

    command: Command
    args: str = ""


def say(text: str, *rows: Sequence[Button | None]) -> Answer:
    """Return one plain message: what people wrote is shown as it is and is never markup."""
    buttons = tuple(tuple(button for button in row if button is not None) for row in rows)
    return (OutboundMessage(text=text, plain=True, buttons=tuple(row for row in buttons if row)),)


def turn_page(context: CommandContext, answer: Answer) -> Answer:
    """Return an answer that replaces the message whose button was pressed; a typed command gets a new message."""
    pressed = context.message is not None and context.message.kind == "callback" and context.message.message_id
    if not pressed:
        return answer
    return (replace(answer[0], edit_ids=(pressed,), notify=False), *answer[1:])


def command_button(label: str, name: str, args: str = "") -> Button | None:
    """Return a button that runs a command, or None when it would need more than a button can carry."""
    data = f"cmd:{name} {args}".strip()
    return Button(label=label[:64], data=data) if len(data.encode()) <= BUTTON_BYTES else None
