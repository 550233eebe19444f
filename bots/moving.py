"""A chat gets a new id, as a Telegram group does that becomes a supergroup.

Mostly the platform's own note of it comes in order, behind what was said under the old id. Who hears of it otherwise,
a sender or what is said under the new id, waits for that, because under the old id nobody is known any more once the
sessions have moved.
"""

from __future__ import annotations

import json
from datetime import timedelta

from django.db import transaction
from django.utils import timezone

from bots.channels.base import InboundMessage, Unparsed
from bots.work import OpenChannel
from clawsite.core.errors import ClawError
from sessions_app import inbox, outbox
from sessions_app.inbox import Head
from sessions_app.models import Outbox
from sessions_app.sessions import move_chat

# By then what was said under the old id has been fetched.
WAIT_SECONDS = 5.0
# People wait behind the note in the new chat.
NOTE_SECONDS = 1.0
# But not longer than a platform keeps for us what was said, whatever the old one waits for.
PATIENCE = timedelta(hours=24)


class TooEarly(ClawError):
    """What was said under the old id comes first."""

    code = "too_early"


def note_move(head: Head, message: InboundMessage) -> None:
    """Move a chat as the platform's note says; TooEarly for the one in the new chat while the old one has messages."""
    channel_id = head.channel_id
    old, new = message.moved_from or message.address.chat_id, message.moved_to or message.address.chat_id
    is_fresh = timezone.now() - head.received_at < PATIENCE
    if message.moved_from and old != new and is_fresh and inbox.has_new(channel_id, chat_id=old):
        raise TooEarly("What was said under the old id of this chat is still worked on.")
    move_chat(channel_id, old=old, new=new)


def find_old_id(channel: OpenChannel, *, chat_id: str) -> str:
    """Return under which id a chat is known as long as the note of its move waits here, or ""."""
    raw = inbox.find_first(f"{channel.row.pk}/{chat_id}/")
    try:
        note = channel.adapter.parse(json.loads(raw)) if raw else None
    except (ValueError, Unparsed):
        return ""
    return note.moved_from if note is not None else ""


@transaction.atomic
def follow_chat(row: Outbox, *, new: str, told: str) -> None:
    """Put back a row whose chat has the new id, as the platform `told`; move the chat when nothing waits there."""
    is_news = row.error != told[: outbox.MOST_ERROR]
    waits = is_news or inbox.has_new(row.channel_id, chat_id=row.chat_id)
    if not waits:
        move_chat(row.channel_id, old=row.chat_id, new=new)
    outbox.mark_waiting(row.pk, seconds=WAIT_SECONDS if waits else 0.0, error=told, counted=False)
