"""Turns that wait for a person: the pending calls become approvals with buttons, and the turn's state is kept.

A decision inserts a row in the turn's lane (`decisions.resume_turn`), which goes on where the turn was parked.
"""

from __future__ import annotations

from django.db import transaction

from bots import texts
from bots.agent.types import AgentOutcome, PendingCall
from bots.buttons import decision_buttons
from bots.channels.base import OutboundMessage
from bots.commits import Runtime, account_turn, hold_lane, record_verdicts_of, say
from bots.decisions import KIND
from bots.opening import load_session, speaking
from bots.work import Work
from clawsite.core.leases import release_lease
from guardrails import approvals
from guardrails.types import Role
from sessions_app.inbox import finish_row
from sessions_app.models import Inbox, Message, Outbox, Turn

APPROVAL_SECONDS = 600


def park_turn(work: Work, outcome: AgentOutcome, *, runtime: Runtime) -> list[Outbox]:
    """Keep a turn until its pending calls are decided, and ask for each decision with buttons."""
    turn, rounds = work.the_turn, int((work.resume or {}).get("round", 0)) + 1
    with transaction.atomic(savepoint=False), speaking(work):
        hold_lane(work, runtime=runtime)
        asked = [_ask(work, call, rounds=rounds, runtime=runtime) for call in outcome.pending]
        account_turn(work, turn, outcome, state=Turn.State.PARKED)
        Turn.objects.filter(pk=turn.pk).update(agent_state=outcome.state | {"round": rounds}, finished_at=None)
        Inbox.objects.filter(pk=turn.inbox_id, state=Inbox.State.NEW).update(state=Inbox.State.PARKED)
        for pk in (work.head.pk, *work.merged):
            if pk != turn.inbox_id:
                finish_row(pk, trace_id=work.trace_id)
        record_verdicts_of(work, *outcome.verdicts)
        if work.held is not None:
            release_lease(work.held)
    return [row for row in asked if row is not None and row.state == Outbox.State.SENDING]


def _ask(work: Work, call: PendingCall, *, rounds: int, runtime: Runtime) -> Outbox | None:
    """Make the approval of one call, bound to its exact arguments, and the message that asks for it."""
    session = load_session(work)
    approval = approvals.create_approval(
        kind=KIND,
        subject_hash=call.arguments_hash,
        summary=call.summary,
        requested_by=work.subject,
        allowed=[work.subject],
        role=_least_decider(call.role),
        session_ref=session.ref,
        data={"turn": work.the_turn.pk, "call_id": call.call_id, "round": rounds},
        seconds=APPROVAL_SECONDS,
    )
    text = texts.confirm(call.summary, APPROVAL_SECONDS // 60)
    return say(
        session,
        OutboundMessage(text=text, plain=True, buttons=decision_buttons(approval.key)),
        role=Message.Role.NOTICE,
        dedupe_key=f"approval:{approval.key}",
        trace_id=work.trace_id,
        sender_here=runtime.sender_here(work),
    )


def _least_decider(role: Role) -> Role:
    """Return the role from which on others than the one who asked may decide: never below operator."""
    return Role.OPERATOR if role in (Role.STRANGER, Role.VIEWER) else role
