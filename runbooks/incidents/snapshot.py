"""An incident as JSON, for whoever shows it: a chat's card, an outside ticket system."""

from __future__ import annotations

from typing import Any

from runbooks.incidents.lines import one_line
from runbooks.incidents.reading import last_events
from runbooks.models import Incident, IncidentEvent

CARD_EVENTS = 6
LINE_CHARS = 300


def describe(incident: Incident, *, events: int = CARD_EVENTS) -> dict[str, Any]:
    """Return what a card shows: the incident, and its last events without the one that only says its title."""
    told = [event for event in last_events(incident, limit=events) if event.kind != "opened"]
    return state_of(incident) | {"events": [describe_event(event) for event in told]}


def state_of(incident: Incident) -> dict[str, Any]:
    """Return how an incident stands."""
    return {
        "id": incident.pk,
        "number": incident.number,
        "title": incident.title,
        "severity": incident.severity,
        "state": incident.state,
        "system": str(incident.system) if incident.system else "",
        "reporter": incident.opened_by_name or incident.opened_by,
        "assignee": incident.assignee_name or incident.assignee,
        "opened_at": incident.opened_at.isoformat(),
        "resolved_at": incident.resolved_at.isoformat() if incident.resolved_at else "",
        "seq": incident.last_seq,
    }


def describe_event(event: IncidentEvent, *, chars: int = LINE_CHARS) -> dict[str, Any]:
    """Return one event, its text as one line."""
    return {
        "seq": event.seq,
        "kind": event.kind,
        "text": one_line(event.text, chars),
        "who": event.actor_name or event.actor,
        "ref": event.ref,
        "at": event.at.isoformat(),
    }
