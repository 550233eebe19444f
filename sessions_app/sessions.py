"""Finding and making sessions, and adding messages to them. A session is made once, whatever races to make it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import transaction
from django.db.models import Value
from django.db.models.functions import Concat, Substr
from django.utils import timezone

from clawsite.core.sql import fetch, moment
from clawsite.core.zones import is_time_zone
from sessions_app import outbox
from sessions_app.models import Card, GroupAccess, Inbox, Message, Session, Turn
from sessions_app.tokens import estimate

# Platforms let people change what they wrote for a day or two.
LOOKED_BACK = 200
_NEXT_SEQ = "UPDATE sessions_app_session SET last_seq = last_seq + 1, active_at = %s WHERE id = %s RETURNING last_seq"


def find_session(channel_id: int, *, chat_id: str, thread_id: str = "") -> Session | None:
    """Return the session of a place, or None when nobody was answered there yet."""
    return Session.objects.filter(channel_id=channel_id, chat_id=chat_id, thread_id=thread_id).first()


def get_or_create_session(
    channel_id: int, *, chat_id: str, thread_id: str = "", direct: bool, title: str = ""
) -> Session:
    """Return the session of a place, making it when it is missing; safe to race."""
    kind = Session.Kind.DIRECT if direct else Session.Kind.GROUP
    session, _ = Session.objects.get_or_create(
        channel_id=channel_id,
        chat_id=chat_id,
        thread_id=thread_id,
        defaults={"kind": kind, "title": title[:200]},
    )
    return session


def zone_of(session: Session) -> ZoneInfo:
    """Return the zone whose clock a session reads."""
    return ZoneInfo(session.time_zone if is_time_zone(session.time_zone) else settings.TIME_ZONE)


def add_message(
    session_id: int,
    *,
    role: str,
    text: str,
    contact_id: int | None = None,
    external_id: str = "",
    data: Mapping[str, Any] | None = None,
) -> Message:
    """Append one message under the next number of its session. In the transaction of its cause.

    Without the NUL of its text, wherever that comes from: PostgreSQL keeps none.
    """
    now = timezone.now()
    with transaction.atomic(savepoint=False):
        ((seq,),) = fetch(_NEXT_SEQ, moment(now), session_id)
        return Message.objects.create(
            session_id=session_id,
            seq=seq,
            role=role,
            text=text.replace("\x00", ""),
            contact_id=contact_id,
            external_id=external_id[:64],
            data=dict(data or {}),
            tokens=estimate(text),
            created_at=now,
        )


def move_chat(channel_id: int, *, old: str, new: str) -> None:
    """A group got a new id: its sessions, its permission and what waits to be sent follow. Safe to repeat.

    Its messages are numbered anew, so the numbers of those before would name others: nothing is found, edited or
    answered by them any more.
    """
    with transaction.atomic():
        taken = Session.objects.filter(channel_id=channel_id, chat_id=new).values_list("thread_id", flat=True)
        rows = Session.objects.filter(channel_id=channel_id, chat_id=old).exclude(thread_id__in=list(taken))
        moved = list(rows.values_list("pk", flat=True))
        Session.objects.filter(pk__in=moved).update(chat_id=new)
        Message.objects.filter(session_id__in=moved).exclude(external_id="").update(external_id="")
        Card.objects.filter(session_id__in=moved).exclude(outbox__state__in=outbox.OPEN).update(outbox=None)
        Card.objects.filter(session_id__in=moved).update(remote_ids=[])
        Turn.objects.filter(session_id__in=moved).exclude(preview_ids=[]).update(preview_ids=[])
        _move_permission(channel_id, old=old, new=new)
        _move_lanes(channel_id, old=old, new=new)
        outbox.move_chat(channel_id, old=old, new=new)


def _move_lanes(channel_id: int, *, old: str, new: str) -> None:
    """Let what is kept of what was said follow its group, so that it is found and removed with it."""
    before, after = f"{channel_id}/{old}/", f"{channel_id}/{new}/"
    rows = Inbox.objects.filter(channel_id=channel_id, lane__startswith=before)
    rows = rows.exclude(state__in=[Inbox.State.NEW, Inbox.State.PARKED])
    rows.update(lane=Substr(Concat(Value(after), Substr("lane", len(before) + 1)), 1, 200))


def _move_permission(channel_id: int, *, old: str, new: str) -> None:
    """Let the permission of a group follow it, also when somebody was heard in the new place before."""
    places = {row.chat_id: row for row in GroupAccess.objects.filter(channel_id=channel_id, chat_id__in=[old, new])}
    if old not in places or (new in places and places[new].allowed):
        return
    if new in places:
        places[new].delete()
    GroupAccess.objects.filter(pk=places[old].pk).update(chat_id=new)


def find_message(session_id: int, *, external_id: str) -> Message | None:
    """Return a message by the platform's id, as it was said last, or None when we never stored it."""
    return Message.objects.filter(session_id=session_id, external_id=external_id).order_by("-seq").first()


def find_album(session_id: int, *, external_id: str) -> Message | None:
    """Return the message that an album became, by the platform's id of any of its files. Of the newest ones only."""
    rows = Message.objects.filter(session_id=session_id).exclude(external_id="").order_by("-seq")
    return next((row for row in rows[:LOOKED_BACK] if external_id in row.data.get("album", {})), None)


def find_thread(channel_id: int, chat_id: str, *, external_id: str) -> str:
    """Return the thread of a chat in which a message is that we know by the platform's id, or ""."""
    message = _find_in_chat(channel_id, chat_id, external_id=external_id)
    return message.session.thread_id if message is not None else ""


def _find_in_chat(channel_id: int, chat_id: str, *, external_id: str) -> Message | None:
    sessions = Session.objects.filter(channel_id=channel_id, chat_id=chat_id).values("pk")
    return Message.objects.filter(session_id__in=sessions, external_id=external_id).first()


def record_edit(session_id: int, *, external_id: str, text: str) -> bool:
    """Note on a message that its sender changed it; the first text stays. False when we never stored it."""
    message = Message.objects.filter(session_id=session_id, external_id=external_id).first()
    if message is None:
        return False
    message.data["edits"] = [*message.data.get("edits", [])[-9:], {"text": text, "at": timezone.now().isoformat()}]
    message.save(update_fields=["data"])
    return True


def record_reaction(channel_id: int, chat_id: str, *, external_id: str, subject: str, emoji: str) -> bool:
    """Note a person's reaction on a message of a chat; an empty emoji takes it back. False when it is unknown."""
    message = _find_in_chat(channel_id, chat_id, external_id=external_id)
    if message is None:
        return False
    reactions = {**message.data.get("reactions", {}), subject: emoji}
    message.data["reactions"] = {who: what for who, what in reactions.items() if what}
    message.save(update_fields=["data"])
    return True
