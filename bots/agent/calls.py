"""Rows of tool calls: an intent is committed before a tool runs, the result after it.

All methods are synchronous database work for `run_db`, one transaction each. The intent's transaction also checks that
the run is still ours and stores its state, so that after a crash the run goes on exactly here and nothing that may have
had an effect is run again blindly. Whose run it is - a turn's or a job's - only the record knows.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from clawsite.core.leases import Held, check_lease
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


class CallRecord(Protocol):
    """Where the calls of one run are kept."""

    def load(self) -> dict[str, CallRow]:
        """Return all calls of the run by call id."""

    def intend(self, row: CallRow, *, state: dict[str, Any]) -> bool:
        """Commit that this call is about to run; False when it must not, because it was begun or finished before.

        Raises LeaseLost when the run was taken over.
        """

    def wait(self, rows: Sequence[CallRow], *, state: dict[str, Any]) -> None:
        """Commit that these calls wait for a decision, and where the run goes on afterwards."""

    def finish(self, rows: Iterable[CallRow]) -> None:
        """Commit what became of calls; safe to repeat."""


class TurnRecord:
    """The calls of a turn, under the lease of its lane."""

    def __init__(self, turn_id: int, held: Held | None) -> None:
        self.turn_id = turn_id
        self.held = held

    def load(self) -> dict[str, CallRow]:
        """Return all calls of the turn by call id."""
        return load_rows(ToolCall.objects.filter(turn_id=self.turn_id))

    def intend(self, row: CallRow, *, state: dict[str, Any]) -> bool:
        """Commit that this call is about to run; False when it was begun or finished before."""
        with transaction.atomic():
            if self.held is not None:
                check_lease(self.held)
            known = ToolCall.objects.filter(turn_id=self.turn_id, call_id=row.call_id)
            if not begin_waiting(known):
                if known.exists():
                    return False
                self.finish([row])
            Turn.objects.filter(pk=self.turn_id).update(agent_state=state)
        return True

    def wait(self, rows: Sequence[CallRow], *, state: dict[str, Any]) -> None:
        """Commit that these calls wait for a decision."""
        with transaction.atomic():
            if self.held is not None:
                check_lease(self.held)
            self.finish(rows)
            Turn.objects.filter(pk=self.turn_id).update(agent_state=state)

    def finish(self, rows: Iterable[CallRow]) -> None:
        """Commit what became of calls."""
        ToolCall.objects.bulk_create(
            [ToolCall(turn_id=self.turn_id, **values_of(row)) for row in rows],
            update_conflicts=True,
            unique_fields=["turn", "call_id"],
            update_fields=["state", "result", "finished_at"],
        )


def load_rows(rows: QuerySet[ToolCall]) -> dict[str, CallRow]:
    """Return stored calls by call id."""
    return {
        row.call_id: CallRow(
            call_id=row.call_id,
            tool=row.tool,
            arguments=row.arguments,
            arguments_hash=row.arguments_hash,
            state=row.state,
            result=row.result,
        )
        for row in rows
    }


def begin_waiting(known: QuerySet[ToolCall]) -> bool:
    """Have a call that waited for a decision begin; False when there is none that waits."""
    return bool(known.filter(state=State.WAITING).update(state=State.INTENT, started_at=timezone.now()))


def values_of(row: CallRow) -> dict[str, Any]:
    """Return the columns of a call, but for whose it is."""
    return {
        "call_id": row.call_id,
        "tool": row.tool[:64],
        "arguments": row.arguments,
        "arguments_hash": row.arguments_hash,
        "state": row.state,
        "result": row.result,
        "finished_at": None if row.state in (State.INTENT, State.WAITING) else timezone.now(),
    }
