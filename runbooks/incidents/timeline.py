"""Everything that happened in an incident, in the order in which it happened."""

from __future__ import annotations

from runbooks.models import Incident, IncidentEvent

MOST = 5000


def read_timeline(incident: Incident) -> list[IncidentEvent]:
    """Return the events by the time at which they happened, at most five thousand."""
    return sorted(incident.events.all()[:MOST], key=lambda event: (event.at, event.seq))
