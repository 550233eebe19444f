"""Buttons and reactions: decisions on waiting actions, commands behind buttons, and what people think of messages."""

from __future__ import annotations

from bots import texts
from bots.channels.base import InboundMessage, OutboundMessage
from bots.commands.registry import Match, find_command_line
from bots.work import Ending, Work
from guardrails import approvals
from sessions_app.sessions import record_reaction


def command_of(message: InboundMessage) -> Match | None:
    """Return the command behind a pressed button, which runs like a typed one; None for any other message."""
    name, _, line = message.callback_data.partition(":")
    return find_command_line(line) if message.kind == "callback" and name == "cmd" else None


def press(work: Work) -> Ending:
    """Handle a button that decides something."""
    name, _, value = work.message.callback_data.partition(":")
    if name in ("ok", "no"):
        return _decide(work, key=value, approve=name == "ok")
    work.notes.append(texts.decision("unknown", ""))
    return Ending(outcome="unknown_button", remember=False)


def _decide(work: Work, *, key: str, approve: bool) -> Ending:
    """Decide an approval; the first press wins and is written into the message, a later one hears so."""
    if work.contact is None:
        return Ending(outcome="no_access", remember=False)
    actor = work.contact.actor
    decision = approvals.decide(key, actor=actor, approve=approve)
    said = texts.decision(decision.outcome, actor.name)
    work.notes.append(said)
    if decision.outcome not in ("approved", "rejected") or decision.approval is None:
        return Ending(outcome=f"decision:{decision.outcome}", remember=False)
    if decision.approval.data.get("card"):  # it changes by itself, in every chat that has it
        return Ending(outcome=f"decision:{decision.outcome}", remember=False)
    shown = OutboundMessage(
        text=f"{decision.approval.summary}\n\n{said}",
        plain=True,
        edit_ids=(work.message.message_id,),
        notify=False,
    )
    return Ending(outcome=f"decision:{decision.outcome}", replies=(shown,), remember=False)


def react(work: Work) -> Ending:
    """Note a reaction on the message it is about, in whichever topic of the chat that is: platforms do not say."""
    record_reaction(
        work.channel.row.pk,
        work.message.address.chat_id,
        external_id=work.message.message_id,
        subject=work.subject,
        emoji=work.message.reaction,
    )
    return Ending(outcome="reaction", remember=False)
