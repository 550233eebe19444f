"""Opening an incident about a group of alerts, or tying one to it, with all that happened to the group so far."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.utils import timezone

from clawsite.core import audit
from guardrails.types import Actor
from runbooks.alerts.showing import show_group
from runbooks.alerts.timeline import note
from runbooks.incidents import open_incident
from runbooks.incidents.alerts import tell_story
from runbooks.incidents.notes import check_operator, lock
from runbooks.models import AlertGroup, Incident

_GRADES = {
    AlertGroup.Severity.CRITICAL: Incident.Severity.P1,
    AlertGroup.Severity.WARNING: Incident.Severity.P3,
    AlertGroup.Severity.INFO: Incident.Severity.P4,
}


def open_from_group(group_id: int, *, actor: Actor, origin: str = "", now: datetime | None = None) -> Incident | None:
    """Open an incident about a group; the open one that it has already, None when there is no such group."""
    check_operator(actor)
    with transaction.atomic():
        # Without a join: PostgreSQL reads the locked row again after waiting, but not what was joined to it.
        group = AlertGroup.objects.select_for_update().filter(pk=group_id).first()
        if group is None or (group.incident is not None and group.incident.is_open):
            return group.incident if group is not None else None
        severity = _GRADES[AlertGroup.Severity(group.severity)]
        group.incident = open_incident(group.title, actor=actor, severity=severity, system=group.system, origin=origin)
        group.save(update_fields=["incident"])
        tell_story(group)
        note(group.pk, "incident", group.incident.number, actor.name or actor.subject)
        show_group(group, now=now or timezone.now())
    return group.incident


@dataclass(frozen=True, kw_only=True, slots=True)
class Attached:
    """Why a group was not tied to an incident: "no alert", "over", "taken" by the named one; "" when it is now."""

    why: str = ""
    number: str = ""


def attach_group(
    group_id: int, incident_id: int, *, actor: Actor, origin: str = "", now: datetime | None = None
) -> Attached:
    """Tie a group to an open incident, which takes its story over. Tied to that one already, it stays so."""
    check_operator(actor)
    with transaction.atomic():
        group = AlertGroup.objects.select_for_update().filter(pk=group_id).first()
        if group is None:
            return Attached(why="no alert")
        if group.incident is not None and group.incident.is_open:
            same = group.incident_id == incident_id
            return Attached() if same else Attached(why="taken", number=group.incident.number)
        incident = lock(incident_id)
        if incident is None or not incident.is_open:
            return Attached(why="over")
        group.incident = incident
        group.save(update_fields=["incident"])
        tell_story(group)
        note(group.pk, "incident", incident.number, actor.name or actor.subject)
        audit.record("incident.attach", actor=actor.subject, subject=incident.ref, origin=origin, group=group.pk)
        show_group(group, now=now or timezone.now())
    return Attached()
