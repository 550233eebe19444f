"""The mark on a message that may come a second time, because a process died while it was being sent."""

from __future__ import annotations

from django.conf import settings
from django.utils import translation

from bots.channels.base import OutboundMessage
from bots.texts import resent_mark
from sessions_app.models import Outbox


def mark_resent(message: OutboundMessage, row: Outbox) -> OutboundMessage:
    """Say on a message that a crash may have sent twice that it may be a repetition; edits repeat without harm."""
    if not row.resent or row.remote_ids or message.edit_ids or not message.text:
        return message
    data = message.to_json()
    with translation.override(row.payload.get("lang") or settings.LANGUAGE_CODE):
        data["text"] = f"{message.text}\n\n{resent_mark()}"
    return OutboundMessage.from_json(data)
