"""What has changed where it stands: cards, which say something new, files that came, and what was taken from the page
and then not worked on, because it was too much at once.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import timedelta

from django.utils import timezone

from sessions_app.inbox import TOO_MANY
from sessions_app.models import Attachment, Card, Inbox, Message

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


def read_arrived(session_id: int, coming: Collection[int] | None) -> tuple[frozenset[int], list[Message]]:
    """Return which of the messages still wait for a file, and those of which every file is stored or refused by now.

    None stands for all that lately came with files: what a page has that was away for a moment is not known here.
    What has waited for so long that nobody fetches it any more is not waited for.
    """
    if coming is not None and not coming:
        return frozenset(), []
    files = Attachment.objects.filter(session_id=session_id, created_at__gt=timezone.now() - RECENT)
    if coming is None:
        coming = set(files.order_by("-message_seq").values_list("message_seq", flat=True)[:AT_ONCE])
    remote = files.filter(message_seq__in=coming, state=Attachment.State.REMOTE)
    still = frozenset(remote.values_list("message_seq", flat=True))
    return still, list(Message.objects.filter(session_id=session_id, seq__in=set(coming) - still))


def read_ended(channel_id: int, external_id: str, sent: Collection[str]) -> dict[str, bool]:
    """Return of what a visitor sent, by the page's ids, what was worked on by now: False for what was too much."""
    if not sent:
        return {}
    rows = Inbox.objects.filter(channel_id=channel_id, external_id__in=[f"{external_id}:{name}" for name in sent])
    ended = rows.exclude(state=Inbox.State.NEW).values_list("external_id", "error")
    return {name.rpartition(":")[2]: error != TOO_MANY for name, error in ended}
