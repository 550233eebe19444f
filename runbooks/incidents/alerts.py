"""Alerts in the timelines of incidents: what is known of a group when it is attached, and what happens to it later.

Invariant: whoever changes a group holds its row first, then the incident's; nobody takes them the other way round.
"""

from __future__ import annotations

from guardrails.types import Actor, Role
from runbooks.incidents.notes import add_event, lock
from runbooks.models import AlertEvent, AlertGroup, Incident

# An alert that flaps for weeks leaves room for what people write; the group's own story goes on.
MOST_EVENTS = 2000
# What of a group's own story belongs into an incident: not what only says who was told how.
TOLD = frozenset(
    {"opened", "reopened", "raised", "resolved", "vanished", "lost"}
    | {"acked", "unacked", "silenced", "unsilenced", "escalated"}
)


def tell_story(group: AlertGroup) -> None:
    """Take over what happened to a group before it was tied to its incident. In the transaction that tied it."""
    incident = lock(group.incident_id) if group.incident_id else None
    if incident is not None:
        for event in group.events.filter(kind__in=TOLD).order_by("pk"):
            _tell(incident, event, title=group.title)


def tell_incident(event: AlertEvent) -> None:
    """Note in its incident, if it has an open one, what happened to a group. In the transaction of the event."""
    if event.kind not in TOLD:
        return
    tied = AlertGroup.objects.filter(pk=event.group_id, incident__state=Incident.State.OPEN)
    row = tied.values_list("incident", "title").first()
    if row is not None and (incident := lock(row[0])) is not None:
        _tell(incident, event, title=row[1])


def _tell(incident: Incident, event: AlertEvent, *, title: str) -> None:
    if incident.last_seq >= MOST_EVENTS:
        return
    actor = Actor(subject="", role=Role.OPERATOR, name=event.actor)
    add_event(incident, f"alert_{event.kind}", title, actor=actor, ref=f"alertevent:{event.pk}", at=event.at)
