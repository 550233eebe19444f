"""What becomes of a turn that waits for a decision: it goes on when all are made, or ends when it is stopped.

Invariant: a turn that ended leaves no request behind that somebody could still decide.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from django.db import transaction
from django.utils import timezone

from clawsite.core.nudge import nudge_on_commit
from guardrails import approvals
from guardrails.models import Approval
from sessions_app.inbox import finish_row
from sessions_app.models import Inbox, Turn

KIND = "tool_call"
RESUME = "approval:"


def decisions_of(turn: Turn) -> Mapping[str, bool] | None:
    """Return what was decided on each call a parked turn waits for; None while one still waits."""
    rows = Approval.objects.filter(session_ref=f"session:{turn.session_id}", kind=KIND, data__turn=turn.pk)
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
                external_id=f"{RESUME}{approval.key}",
                lane=turn.inbox.lane,
                raw=json.dumps({"claw": "resume", "inbox": turn.inbox_id}),
            )
        ],
        ignore_conflicts=True,
    )
    nudge_on_commit("inbox")


def resumes(inbox_id: int) -> int | None:
    """Return of which row this one lets the turn go on, as `resume_turn` made it; None for every other row."""
    rows = Inbox.objects.filter(pk=inbox_id, external_id__startswith=RESUME)
    update = json.loads(rows.values_list("raw", flat=True).first() or "{}")
    return int(update["inbox"]) if update.get("claw") == "resume" else None


def close_parked(turn: Turn, *, actor: str = "system") -> None:
    """End a parked turn that was stopped or whose session was reset, and withdraw what it asked for. Repeatable."""
    with transaction.atomic():
        closed = Turn.objects.filter(pk=turn.pk, state=Turn.State.PARKED).update(
            state=Turn.State.CANCELLED, agent_state={}, finished_at=timezone.now(), outcome="cancelled"
        )
        if closed:
            approvals.withdraw(KIND, actor=actor, turn=turn.pk)
            finish_row(turn.inbox_id, trace_id=turn.trace_id)
            nudge_on_commit("session", session=turn.session_id)
