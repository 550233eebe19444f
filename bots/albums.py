"""Files sent as one album come as rows of their own: they are one message, under the id of the first.

Of each file the platform's id and its caption are kept, because each may be changed by itself.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace

from bots.channels.base import InboundMessage, Unparsed
from bots.decisions import RESUME
from bots.work import Work
from sessions_app.models import Inbox, Message, Turn

ALBUM_MAX = 10


def merge_album(work: Work) -> None:
    """Take along the rows that follow with more files of the album; at a later attempt those that the first one had."""
    begun = _find_begun(work)
    rows = Inbox.objects.filter(state=Inbox.State.NEW, lane=work.head.lane, pk__gt=work.head.pk)
    rows = rows.exclude(external_id__startswith=RESUME)  # a decision that came between the files
    work.captions = {work.message.message_id: work.message.text}
    for pk, raw in rows.order_by("id").values_list("pk", "raw")[: ALBUM_MAX - 1]:
        other = _parse_part(work, raw)
        if other is None or (begun is not None and other.message_id not in begun):
            break
        work.merged += (pk,)
        work.captions[other.message_id] = other.text
        work.text = "\n".join(text for text in (work.text, other.text) if text)
        work.message = replace(work.message, files=work.message.files + other.files, text=work.text)


def _find_begun(work: Work) -> Mapping[str, str] | None:
    """Return the files with which an earlier attempt has begun: what came since is not in its message. Else None."""
    turn = Turn.objects.filter(inbox_id=work.head.pk).values_list("session_id", "user_seq").first()
    if turn is None or turn[1] is None:
        return None
    data = Message.objects.filter(session_id=turn[0], seq=turn[1]).values_list("data", flat=True).first()
    return data.get("album") if data else None


def _parse_part(work: Work, raw: str) -> InboundMessage | None:
    """Return one more file of an album; None for anything else that came next, whatever is wrong with it."""
    try:
        update = json.loads(raw)
        other = work.channel.adapter.parse(update) if isinstance(update, dict) else None
    except (ValueError, Unparsed):
        return None
    is_part = other is not None and other.kind == "message" and other.group_key == work.message.group_key
    return other if is_part else None
