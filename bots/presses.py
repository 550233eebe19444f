"""Buttons and reactions: decisions on waiting actions, commands behind buttons, and what people think of messages."""

from __future__ import annotations

import json
from collections.abc import Mapping

from bots import texts
from bots.channels.base import InboundMessage, OutboundMessage
from bots.commands.registry import Match, find_command_line
from bots.work import Ending, Work
from clawsite.core.nudge import nudge_on_commit
from guardrails import approvals
from guardrails.models import Approval
from sessions_app.models import Inbox, Turn
from sessions_app.sessions import record_reaction

KIND = "tool_call"


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
    shown = OutboundMessage(
        text=f"{decision.approval.summary}\n\n{said}", edit_ids=(work.message.message_id,), notify=False
    )
    return Ending(outcome=f"decision:{decision.outcome}", replies=(shown,), remember=False)


def react(work: Work) -> Ending:
    """Note a reaction on the message it is about."""
    if work.session is not None:
        record_reaction(
            work.session.pk,
            external_id=work.message.message_id,
            subject=work.subject,
            emoji=work.message.reaction,
        )
    return Ending(outcome="reaction", remember=False)


def decisions_of(turn: Turn) -> Mapping[str, bool] | None:
    """Return what was decided on each call a parked turn waits for; None while one still waits."""
    rows = Approval.objects.filter(kind=KIND, data__turn=turn.pk)
    decided = {row.data["call_id"]: row.state for row in rows if row.data.get("round") == turn.agent_state.get("round")}
    if not decided or Approval.State.WAITING in decided.values():
        return None
    return {call_id: state == Approval.State.APPROVED for call_id, state in decided.items()}


def resume_turn(approval: Approval) -> None:
    """Queue the continuation of a parked turn in its lane. Called inside the transaction that decided."""
    turn = Turn.objects.select_related("inbox").filter(pk=approval.data.get("turn")).first()
    if turn is None:
        return
    Inbox.objects.bulk_create(
        [
            Inbox(
                channel_id=turn.inbox.channel_id,
                external_id=f"approval:{approval.key}",
                lane=turn.inbox.lane,
                raw=json.dumps({"claw": "resume", "inbox": turn.inbox_id}),
            )
        ],
        ignore_conflicts=True,
    )
    nudge_on_commit("inbox")
