"""Rows of tool calls: an intent is committed before a tool runs, the result after it.

All functions are synchronous database work for `run_db`, one transaction each. The intent's transaction also
checks the turn's lease and stores the state of the run, so that after a crash the run goes on exactly here
and nothing that may have had an effect is run again blindly.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.utils import timezone

from bots.agent.types import ToolContext
from clawsite.core.leases import check_lease
from sessions_app.models import ToolCall, Turn

State = ToolCall.State


@dataclass(frozen=True, kw_only=True, slots=True)
class CallRow:
    """One call as it is stored. `result` is what the model is told, without marks around it."""

    call_id: str
    tool: str
    arguments: dict[str, Any]
    arguments_hash: str
    state: str = State.INTENT.value
    result: str = ""


def load_calls(turn_id: int) -> dict[str, CallRow]:
    """Return all calls of a turn by call id."""
    return {
        row.call_id: CallRow(
            call_id=row.call_id,
            tool=row.tool,
            arguments=row.arguments,
            arguments_hash=row.arguments_hash,
            state=row.state,
            result=row.result,
        )
        for row in ToolCall.objects.filter(turn_id=turn_id)
    }


def record_intent(context: ToolContext, row: CallRow, *, state: dict[str, Any]) -> bool:
    """Commit that this call is about to run; False when it must not, because it was begun or finished before.

    Raises LeaseLost when the turn was taken over.
    """
    with transaction.atomic():
        if context.held is not None:
            check_lease(context.held)
        known = ToolCall.objects.filter(turn_id=context.turn_id, call_id=row.call_id)
        moved = known.filter(state=State.WAITING).update(state=State.INTENT, started_at=timezone.now())
        if not moved:
            if known.exists():
                return False
            _upsert(context.turn_id, [row])
        Turn.objects.filter(pk=context.turn_id).update(agent_state=state)
    return True


def record_waiting(context: ToolContext, rows: Sequence[CallRow], *, state: dict[str, Any]) -> None:
    """Commit that these calls wait for a decision, and where the run goes on afterwards."""
    with transaction.atomic():
        if context.held is not None:
            check_lease(context.held)
        _upsert(context.turn_id, rows)
        Turn.objects.filter(pk=context.turn_id).update(agent_state=state)


def record_results(turn_id: int, rows: Iterable[CallRow]) -> None:
    """Commit what became of calls; safe to repeat."""
    _upsert(turn_id, list(rows))


def _upsert(turn_id: int, rows: Sequence[CallRow]) -> None:
    now = timezone.now()
    ToolCall.objects.bulk_create(
        [
            ToolCall(
                turn_id=turn_id,
                call_id=row.call_id,
                tool=row.tool[:64],
                arguments=row.arguments,
                arguments_hash=row.arguments_hash,
                state=row.state,
                result=row.result,
                finished_at=None if row.state in (State.INTENT, State.WAITING) else now,
            )
            for row in rows
        ],
        update_conflicts=True,
        unique_fields=["turn", "call_id"],
        update_fields=["state", "result", "finished_at"],
    )
