"""The story of a group, row by row. Call it inside the transaction of what it tells of.

Kinds: opened, reopened, added, partly_resolved, resolved, vanished, lost, raised, acked, unacked, silenced,
silence_failed, unsilenced, notified, held, show_failed, stormed, escalating, escalated, skipped, escalation_ended,
escalation_stopped, escalation_failed, reminded, remind_failed; others may add theirs (incident, run).
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.utils import timezone

from runbooks.incidents.alerts import tell_incident
from runbooks.models import AlertEvent


def note(
    group_id: int, kind: str, text: str = "", actor: str = "", *, at: datetime | None = None, **data: Any
) -> AlertEvent:
    """Add one event to a group's timeline, and to that of its incident when it has one."""
    event = AlertEvent.objects.create(
        group_id=group_id, kind=kind[:32], text=text[:500], actor=actor[:200], at=at or timezone.now(), data=data
    )
    tell_incident(event)
    return event
