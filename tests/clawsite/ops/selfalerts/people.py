"""Alice (admin), Bob (operator) and Charlie (waiting to be let in) with a direct chat each, and how a card is seen."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from bots.cards.registry import CardView
from sessions_app.models import Channel, Contact, Session


def view() -> CardView:
    """Return a view in UTC."""
    return CardView(zone=ZoneInfo("UTC"))


def make_people() -> dict[str, Session]:
    """Return the direct chats by name; Alice has a group, too."""
    channel = Channel.objects.create(kind="telegram", name="telegram", token="1:x")
    found = {}
    for number, (name, role, state) in enumerate(
        [("Alice", "admin", "approved"), ("Bob", "operator", "approved"), ("Charlie", "admin", "pending")]
    ):
        Contact.objects.create(channel=channel, external_id=str(number), name=name, role=role, state=state)
        found[name] = Session.objects.create(channel=channel, chat_id=str(number))
    Session.objects.create(channel=channel, chat_id="-5", kind=Session.Kind.GROUP)
    return found
