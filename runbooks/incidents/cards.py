"""The cards of an incident: one in each chat where it was opened or asked for, all of them saying the same."""

from __future__ import annotations

from runbooks.incidents.snapshot import describe
from runbooks.models import Incident
from sessions_app.cards import put_card

KIND = "incident"


def show_card(incident: Incident, session_id: int) -> None:
    """Show an incident in a chat, as its newest message, and keep it up to date there from now on."""
    incident.sessions.add(session_id)
    put_card(_key(incident, session_id), kind=KIND, data=describe(incident), session_id=session_id, ring="move")


def refresh_cards(incident: Incident) -> None:
    """Have every card of an incident say how it stands now. In the transaction that changed it."""
    places = list(incident.sessions.values_list("pk", flat=True))
    data = describe(incident) if places else {}
    for session_id in places:
        put_card(_key(incident, session_id), kind=KIND, data=data, session_id=session_id)


def _key(incident: Incident, session_id: int) -> str:
    return f"{incident.ref}:{session_id}"
