"""Incidents, as other layers use them: open, note, take, resolve, and read what happened."""

from runbooks.incidents.actions import assign, change_severity, open_incident, reopen, resolve
from runbooks.incidents.cards import show_card
from runbooks.incidents.notes import note
from runbooks.incidents.reading import count_by_severity, find_incident, find_system_in, list_incidents

__all__ = [
    "assign",
    "change_severity",
    "count_by_severity",
    "find_incident",
    "find_system_in",
    "list_incidents",
    "note",
    "open_incident",
    "reopen",
    "resolve",
    "show_card",
]
