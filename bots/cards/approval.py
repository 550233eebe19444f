"""The card of a request for a decision: what would happen, two buttons, and in the end who decided."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _

from bots import texts
from bots.buttons import decision_buttons
from bots.cards.registry import CardView
from bots.cards.times import clock
from bots.channels.base import OutboundMessage

_OUTCOMES = {"approved": "approved", "rejected": "rejected"}


def render(data: Mapping[str, Any], view: CardView) -> OutboundMessage:
    """Return the message of a request as it stands."""
    if data["state"] == "waiting":
        text = "\n".join([_("❓ May this run?") + _place(data), "", data["summary"], "", *_how(data, view)])
        return OutboundMessage(text=text, plain=True, buttons=decision_buttons(data["key"]))
    outcome = _OUTCOMES.get(data["state"])
    said = (
        texts.decision(outcome, data["by"]) if outcome else _("Nobody decided in time, or it is not needed any more.")
    )
    return OutboundMessage(text=f"{data['summary']}\n\n{said}", plain=True)


def _place(data: Mapping[str, Any]) -> str:
    """Say which decision of how many it is."""
    return f" ({data['number']}/{data['count']})" if data["count"] > 1 else ""


def _how(data: Mapping[str, Any], view: CardView) -> list[str]:
    """Say until when it can be decided, and how without buttons."""
    until = clock(data["expires_at"], view.zone)
    return [
        _("It can be decided until {time}.").format(time=until),
        _("Without buttons: /approve {key} or /reject {key}").format(key=data["key"]),
    ]
