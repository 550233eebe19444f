"""The kinds of job of the protocol's cron payloads."""

from __future__ import annotations

from clawsite.gateway.scheduled.params import EventParams, TurnParams
from clawsite.gateway.scheduled.running import check_event, check_turn, run_event, run_turn
from guardrails.types import Role
from runbooks.jobs import JobKind, register_kind

AGENT_TURN, SYSTEM_EVENT = "cron.agentTurn", "cron.systemEvent"


def register_kinds() -> None:
    """Add them to the registry."""
    register_kind(
        JobKind(
            name=AGENT_TURN,
            run=run_turn,
            description="Says something to the assistant in its owner's name and gives back the answer.",
            role=Role.ADMIN,
            params=TurnParams,
            check=check_turn,
        )
    )
    register_kind(
        JobKind(
            name=SYSTEM_EVENT,
            run=run_event,
            description="Says in a session of its owner's that something happened.",
            role=Role.ADMIN,
            params=EventParams,
            check=check_event,
        )
    )
