"""The notice that the whole installation was restored from a backup."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.utils.formats import date_format
from django.utils.translation import gettext as _

from bots.cards.registry import CardView
from bots.channels.base import OutboundMessage


def render(data: Mapping[str, Any], view: CardView) -> OutboundMessage:
    """Return the message: from when the backup is, and what that means."""
    moment = datetime.fromisoformat(str(data["created_at"]))
    text = _(
        "♻️ I was restored from the backup of {moment}. I do not know what happened after that, and what was under way "
        "then may be done a second time."
    )
    shown = date_format(moment.astimezone(view.zone), "DATETIME_FORMAT")
    return OutboundMessage(text=text.format(moment=shown), plain=True)
