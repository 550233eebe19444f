"""What people and parts of the system do with incidents. Each action is one transaction with its event and audit row.

An action that finds its work done by somebody else changes nothing and says so by its answer.
"""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from clawsite.core import audit
from clawsite.core.errors import BadInput
from guardrails.types import Actor
from runbooks.incidents.lines import one_line
from runbooks.incidents.notes import NAME_CHARS, add_event, check_operator, lock
from runbooks.models import Incident, MonitoredSystem

TITLE_CHARS = 200


def open_incident(
    title: str,
    *,
    actor: Actor,
    severity: str = Incident.Severity.P3,
    system: MonitoredSystem | None = None,
    origin: str = "",
) -> Incident:
    """Open an incident; BadInput without a title or for a severity that does not exist."""
    check_operator(actor)
    line = one_line(title, TITLE_CHARS)
    if not line:
        raise BadInput(_("An incident needs a title."))
    _check_severity(severity)
    with transaction.atomic():
        incident = Incident.objects.create(
            title=line,
            severity=severity,
            system=system,
            opened_by=actor.subject[:64],
            opened_by_name=one_line(actor.name, NAME_CHARS),
        )
        add_event(incident, "opened", line, actor=actor, at=incident.opened_at)
        _audit("open", incident, actor=actor, origin=origin, severity=severity)
    return incident


def assign(incident_id: int, *, to: Actor, actor: Actor, origin: str = "") -> Incident | None:
    """Give an incident to somebody; None when it does not exist. To whom it belongs already, it stays as it is."""
    check_operator(actor)
    with transaction.atomic():
        incident = lock(incident_id)
        if incident is None or incident.assignee == to.subject:
            return incident
        incident.assignee, incident.assignee_name = to.subject[:64], one_line(to.name, NAME_CHARS)
        incident.taken_at = incident.taken_at or timezone.now()
        incident.save(update_fields=["assignee", "assignee_name", "taken_at"])
        add_event(incident, "assigned", incident.assignee_name, actor=actor)
        _audit("assign", incident, actor=actor, origin=origin, to=to.subject)
    return incident


def change_severity(incident_id: int, severity: str, *, actor: Actor, origin: str = "") -> Incident | None:
    """Say how bad it is now; None when there is no such incident."""
    check_operator(actor)
    _check_severity(severity)
    with transaction.atomic():
        incident = lock(incident_id)
        if incident is None or incident.severity == severity:
            return incident
        before, incident.severity = incident.severity, severity
        incident.save(update_fields=["severity"])
        add_event(incident, "severity", f"{before} → {severity}", actor=actor)
        _audit("severity", incident, actor=actor, origin=origin, severity=severity)
    return incident


def resolve(incident_id: int, *, actor: Actor, text: str = "", origin: str = "") -> tuple[Incident | None, bool]:
    """End an incident; return it as it is then, None when there is none, and whether it was this call that ended it."""
    return _turn(incident_id, to=Incident.State.RESOLVED, actor=actor, text=text, origin=origin)


def reopen(incident_id: int, *, actor: Actor, text: str = "", origin: str = "") -> tuple[Incident | None, bool]:
    """Take a resolved incident up again; answers like `resolve`."""
    return _turn(incident_id, to=Incident.State.OPEN, actor=actor, text=text, origin=origin)


def _turn(incident_id: int, *, to: str, actor: Actor, text: str, origin: str) -> tuple[Incident | None, bool]:
    check_operator(actor)
    over = to == Incident.State.RESOLVED
    verb = "resolved" if over else "reopened"
    with transaction.atomic():
        incident = lock(incident_id)
        if incident is None or incident.state == to:
            return incident, False
        incident.state, incident.resolved_at = to, timezone.now() if over else None
        incident.save(update_fields=["state", "resolved_at"])
        add_event(incident, verb, text, actor=actor, at=incident.resolved_at)
        _audit(verb, incident, actor=actor, origin=origin)
    return incident, True


def _check_severity(severity: str) -> None:
    if severity not in Incident.Severity.values:
        raise BadInput(_("A severity is one of {names}.").format(names=", ".join(Incident.Severity.values)))


def _audit(verb: str, incident: Incident, *, actor: Actor, origin: str, **data: Any) -> None:
    audit.record(f"incident.{verb}", actor=actor.subject, subject=incident.ref, origin=origin, **data)
