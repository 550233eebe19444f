"""Messages of a session that have changed where they stand: cards, which say something new, and files that came."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import timedelta

from django.utils import timezone

from sessions_app.models import Attachment, Card, Message

# A page looks every few seconds; one that was away for longer reads its session anew.
RECENT = timedelta(minutes=10)
AT_ONCE = 50

Versions = dict[int, int]


def read_changed(session_id: int, known: Mapping[int, int]) -> tuple[Versions, list[Message]]:
    """Return the versions of the cards that changed lately, and the messages of those that `known` has older.

    known: the versions that were returned by the last look.
    """
    lately = Card.objects.filter(session_id=session_id, changed=False, changed_at__gt=timezone.now() - RECENT)
    rows = lately.order_by("-changed_at").values_list("pk", "version", "message_id")
    versions, changed = {}, []
    for pk, version, message_id in rows[:AT_ONCE]:
        versions[pk] = version
        if known.get(pk) != version and message_id is not None:
            changed.append(message_id)
    return versions, list(Message.objects.filter(pk__in=changed)) if changed else []


def read_arrived(session_id: int, coming: Collection[int]) -> list[Message]:
    """Return those of the messages of which every file is stored or refused by now."""
    if not coming:
        return []
    files = Attachment.objects.filter(session_id=session_id, message_seq__in=coming, state=Attachment.State.REMOTE)
    still = set(files.values_list("message_seq", flat=True))
    return list(Message.objects.filter(session_id=session_id, seq__in=set(coming) - still))
