"""Cards: messages that change in place. Whoever has news puts the card again; bots bring it to the chat.

Putting is safe to repeat: the same data changes nothing. Versions that nobody saw yet are passed over: a chat gets the
newest one, at the pace that it takes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Literal

from django.db import transaction
from django.utils import timezone

from clawsite.core.nudge import nudge_on_commit
from sessions_app.models import Card, GroupAccess, Session
from sessions_app.sessions import get_or_create_session

Ring = Literal["", "new", "move"]

DATA_BYTES = 64 * 1024
_STRENGTH = {"": 0, "move": 1, "new": 2}


def put_card(
    key: str,
    *,
    kind: str,
    data: Mapping[str, Any],
    session_id: int | None = None,
    channel_id: int | None = None,
    chat_id: str = "",
    thread_id: str = "",
    ring: Ring = "",
    silent: bool = False,
) -> Card:
    """Show `data` under this key in a session, or in the session of a place. Part of the caller's transaction.

    An edit makes no sound. `ring` has it come as a new message: "new" leaves the old one where it is, "move" takes it
    away. The first version is a new message always; `silent` takes the sound from new messages. ValueError for data
    that is larger than 64 KiB as JSON, or when no place is named.
    """
    text = json.dumps(data, ensure_ascii=False)
    if len(text.encode()) > DATA_BYTES:
        raise ValueError(f"The data of card {key!r} is larger than {DATA_BYTES} bytes.")
    fresh: dict[str, Any] = json.loads(text)
    with transaction.atomic():
        session_id = session_id or _session_of(channel_id, chat_id, thread_id).pk
        values = {"session_id": session_id, "kind": kind, "data": fresh, "silent": silent}
        card, made = Card.objects.select_for_update().get_or_create(key=key, defaults=values)
        if not made:
            _change(card, kind=kind, data=fresh, ring=ring, silent=silent)
        if card.changed:
            nudge_on_commit("card")
    return card


def lock_card(key: str) -> Card | None:
    """Return the card of this key, which nobody else changes until the caller's transaction ends, or None."""
    return Card.objects.select_for_update().filter(key=key).first()


def _change(card: Card, *, kind: str, data: dict[str, Any], ring: Ring, silent: bool) -> None:
    """Note a new version, unless it says what the last one said."""
    if (card.kind, card.data) == (kind, data) and not ring:
        return
    card.kind, card.data, card.silent = kind, data, silent
    card.ring = max(card.ring, ring, key=_STRENGTH.__getitem__)
    card.version += 1
    card.changed, card.changed_at = True, timezone.now()
    card.save(update_fields=["kind", "data", "silent", "ring", "version", "changed", "changed_at"])


def _session_of(channel_id: int | None, chat_id: str, thread_id: str) -> Session:
    if channel_id is None or not chat_id:
        raise ValueError("Say in which session or chat the card is.")
    group = GroupAccess.objects.filter(channel_id=channel_id, chat_id=chat_id).exists()
    return get_or_create_session(channel_id, chat_id=chat_id, thread_id=thread_id, direct=not group)
