"""What is known of incidents, for lists, cards and briefings."""

from __future__ import annotations

import re
from datetime import datetime

from django.db.models import Count

from runbooks.models import Incident, IncidentEvent, MonitoredSystem

MAX_NUMBER = 2_000_000_000
MOST_SYSTEMS = 200


def find_incident(number: int) -> Incident | None:
    """Return the incident of a number, or None."""
    return Incident.objects.select_related("system").filter(pk=number).first() if 0 < number <= MAX_NUMBER else None


def list_incidents(*, limit: int) -> list[Incident]:
    """Return the open ones, worst first, and after them the last ones that were resolved."""
    rows = Incident.objects.select_related("system")
    found = list(rows.open().worst_first()[:limit])
    over = rows.filter(state=Incident.State.RESOLVED).order_by("-resolved_at", "-id")
    return [*found, *over[: limit - len(found)]]


def last_events(incident: Incident, *, limit: int) -> list[IncidentEvent]:
    """Return the newest events of a timeline, in the order in which they were told."""
    return list(incident.events.order_by("-seq")[:limit])[::-1]


def count_by_severity(start: datetime, end: datetime) -> dict[str, int]:
    """Return how many incidents of each severity were opened in a time, with a zero for what there was none of."""
    rows = Incident.objects.filter(opened_at__gte=start, opened_at__lt=end).order_by()
    counts = dict(rows.values_list("severity").annotate(count=Count("id")))
    return {severity: counts.get(severity, 0) for severity in Incident.Severity.values}


def find_system_in(text: str) -> MonitoredSystem | None:
    """Return the system that a text names, as a word of its own; where only one is watched, that one."""
    watched = list(MonitoredSystem.objects.filter(enabled=True)[:MOST_SYSTEMS])
    named = [system for system in watched if _is_named(system, text)]
    candidates = named or watched
    return candidates[0] if len(candidates) == 1 else None


def _is_named(system: MonitoredSystem, text: str) -> bool:
    names = "|".join(re.escape(name) for name in (system.name, system.title) if name)
    return re.search(rf"(?<!\w)(?:{names})(?!\w)", text, re.IGNORECASE) is not None
