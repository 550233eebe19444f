"""A chat gets a new id, as a Telegram group does that becomes a supergroup.

Mostly the platform's own note of it comes in order, behind what was said under the old id. A sender may hear of it
before that; then it waits, because under the old id nobody is known any more once the sessions have moved.
"""

from __future__ import annotations

from sessions_app import inbox, outbox
from sessions_app.models import Outbox
from sessions_app.sessions import move_chat

# By then what was said under the old id has been fetched.
WAIT_SECONDS = 5.0


def follow_chat(row: Outbox, *, new: str, told: str) -> None:
    """Put back a row whose chat has the new id, as the platform `told`; move the chat when nothing waits there.

    In a transaction.
    """
    is_news = row.error != told[: outbox.MOST_ERROR]
    waits = is_news or inbox.has_new(row.channel_id, chat_id=row.chat_id)
    if not waits:
        move_chat(row.channel_id, old=row.chat_id, new=new)
    outbox.mark_waiting(row.pk, seconds=WAIT_SECONDS if waits else 0.0, error=told, counted=False)
