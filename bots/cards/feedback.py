"""The week's summary of what people thought of the work."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from bots.cards.registry import CardView
from bots.channels.base import OutboundMessage

NAMES = 30


def render(data: Mapping[str, Any], view: CardView) -> OutboundMessage:
    """Return the message: how many thumbs, for which kinds of work, and the reasons that were given."""
    head = ngettext("💬 Feedback of the last {n} day", "💬 Feedback of the last {n} days", data["days"]).format(
        n=data["days"]
    )
    if not data["good"] + data["bad"]:
        return OutboundMessage(text=f"{head}\n\n" + _("Nobody said anything."), plain=True)
    kinds = [f"• {kind}: 👍 {good} · 👎 {bad}" for kind, good, bad in data["kinds"]]
    reasons = [f"{'👍' if good else '👎'} {name[:NAMES]}: {reason}" for good, name, reason in data["reasons"]]
    total = f"👍 {data['good']} · 👎 {data['bad']}"
    return OutboundMessage(text="\n".join([head, "", total, *kinds, *([""] if reasons else []), *reasons]), plain=True)
