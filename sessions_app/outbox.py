"""The durable outbox. A row is born in the transaction of its cause and leaves in order, chat by chat.

The platform cannot tell us whether a call that a crash interrupted was accepted. Such a row (`sending` without a live
sender) is sent again and marked `resent`, unless its sender left a note of the answer; everything else is sent once.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import F
from django.utils import timezone

from clawsite.core.leases import Held, check_lease
from clawsite.core.nudge import nudge_on_commit
from clawsite.core.sql import as_written, change, fetch, moment
from sessions_app.models import Channel, Outbox

MAX_ATTEMPTS = 8
MOST_ERROR = 200
OPEN = (Outbox.State.NEW, Outbox.State.SENDING)
IS_OPEN = as_written("sessions_app_outbox.state IN ('new', 'sending')")
# The first rows usually tell, and each is read with its payload; behind a chat that waits pages are larger.
SCAN_PAGES = (16, 64, *(256,) * 15)
# What a payload says about messages by their ids.
_NAMES_OF_MESSAGES = frozenset({"edit_ids", "reply_to_id", "fresh"})
_SENT = "UPDATE sessions_app_outbox SET state = 'sent', sent_at = %s, remote_ids = %s, error = '' WHERE id = %s"
_NAMED = "UPDATE sessions_app_message SET external_id = %s WHERE id = %s"
_BEFORE = """
SELECT EXISTS (SELECT 1 FROM sessions_app_outbox WHERE dedupe_key = %s),
       EXISTS (SELECT 1 FROM sessions_app_outbox WHERE channel_id = %s AND chat_id = %s AND state IN ('new', 'sending'))
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Accepted:
    """What a platform has taken of a row, as its sender noted it. `whole`: nothing of the row is left to do.

    `born` is when the row was made: a database that was restored may have given its number to another one.
    """

    row: int
    born: datetime
    remote_ids: Sequence[str]
    whole: bool
    token: int


def add_row(
    *,
    channel_id: int,
    chat_id: str,
    thread_id: str = "",
    session_id: int | None,
    dedupe_key: str,
    payload: Mapping[str, Any],
    trace_id: str = "",
    sender_here: bool = False,
) -> Outbox | None:
    """Queue one message; None when its key was already queued. In the transaction of its cause.

    With `sender_here` (this process holds the channel's sender lease) the row is born `sending` when nothing of its
    chat is queued before it: then the caller sends it at once and one commit is saved.
    """
    ((known, waiting),) = fetch(_BEFORE, dedupe_key, channel_id, chat_id)
    if known:
        return None
    born = Outbox.State.SENDING if sender_here and not waiting else Outbox.State.NEW
    row = Outbox(
        channel_id=channel_id,
        session_id=session_id,
        chat_id=chat_id,
        thread_id=thread_id,
        dedupe_key=dedupe_key,
        payload=dict(payload),
        state=born,
        attempts=1 if born == Outbox.State.SENDING else 0,
        trace_id=trace_id,
    )
    row.save(force_insert=True)
    if born == Outbox.State.NEW:
        nudge_on_commit("outbox", channel=channel_id)
    return row


def find_heads(channel_id: int, *, busy: Collection[str], limit: int) -> list[Outbox]:
    """Return the first open row of up to `limit` chats, oldest first, unless it waits. `busy` chats are passed.

    A chat that fills a page does not hide those behind it: the next page is read without it.
    """
    now = timezone.now()
    seen = set(busy)
    ready: list[Outbox] = []
    for size in SCAN_PAGES:
        rows = _read_page(channel_id, seen, size)
        for row in rows:
            if row.chat_id not in seen and row.state == Outbox.State.NEW and row.not_before <= now:
                ready.append(row)
            seen.add(row.chat_id)
        if len(ready) >= limit or len(rows) < size:
            break
    return ready[:limit]


def _read_page(channel_id: int, passed: Collection[str], size: int) -> list[Outbox]:
    """Return the oldest open rows of all chats of a channel but these."""
    rows = Outbox.objects.filter(IS_OPEN, channel_id=channel_id).exclude(chat_id__in=list(passed))
    return list(rows.order_by("id")[:size])


def mark_sending(pks: Sequence[int], *, held: Held) -> dict[int, dict[str, Any]]:
    """Commit that these rows are about to be sent; return what those say that still waited. LeaseLost when overtaken.

    A row that waits may be given something newer to say until this very moment: what was read before is old.
    """
    with transaction.atomic(savepoint=False):
        check_lease(held)
        rows = Outbox.objects.select_for_update().filter(pk__in=pks, state=Outbox.State.NEW)
        found = dict(rows.values_list("pk", "payload"))
        Outbox.objects.filter(pk__in=list(found)).update(
            state=Outbox.State.SENDING, attempts=F("attempts") + 1, not_before=timezone.now()
        )
    return found


def mark_sent(pk: int, *, remote_ids: Sequence[str], message_id: int | None) -> None:
    """Record that a row is out, and the platform's id on the message it carries.

    What a crash keeps from being recorded is sent twice, so nothing stands before the first statement: on a server it
    is a transaction of its own. On SQLite both share one, because there a commit is what costs.
    """
    together = transaction.atomic() if settings.CLAW_ON_SQLITE else contextlib.nullcontext()
    with together:
        change(_SENT, moment(), json.dumps(list(remote_ids)), pk)
        if message_id and remote_ids:
            change(_NAMED, remote_ids[0][:64], message_id)


def mark_waiting(pk: int, *, seconds: float, error: str, counted: bool = True) -> None:
    """Put a row back to wait; `counted=False` for waits the platform asked for, which are no failures of ours."""
    Outbox.objects.filter(pk=pk, state=Outbox.State.SENDING).update(
        state=Outbox.State.NEW,
        not_before=timezone.now() + timedelta(seconds=seconds),
        error=error[:MOST_ERROR],
        attempts=F("attempts") if counted else F("attempts") - 1,
    )


def end_waits(now: datetime) -> int:
    """Let rows that wait be tried now; return how many. For a clock that was set back.

    What the platform asked us to wait for is kept by the sender as well, whose clock does not jump.
    """
    return Outbox.objects.filter(IS_OPEN, not_before__gt=now).update(not_before=now)


def mark_dead(pk: int, *, error: str) -> None:
    """Give a row up; an admin can replay it."""
    Outbox.objects.filter(pk=pk).update(state=Outbox.State.DEAD, error=error[:MOST_ERROR])


def recover_unknown(channel_id: int, *, older_than: float = 0.0, except_for: Collection[int] = ()) -> int:
    """Queue again what a sender that died may or may not have sent, marked; return how many.

    A fresh sender calls it once for all rows; later only for rows that are `older_than` seconds, except its own.
    """
    rows = Outbox.objects.filter(IS_OPEN, channel_id=channel_id, state=Outbox.State.SENDING)
    if older_than:
        rows = rows.filter(not_before__lt=timezone.now() - timedelta(seconds=older_than))
    return rows.exclude(pk__in=list(except_for)).update(state=Outbox.State.NEW, resent=True)


def record_accepted(channel_id: int, notes: Iterable[Accepted], *, held: Held, except_for: Collection[int] = ()) -> int:
    """Record what senders that died could only note; return how many rows. LeaseLost for a recorder overtaken.

    Only rows that are still `sending`: who has sent one since knows better, and one that waits is another's already.
    What was accepted stays so under whatever lease it was sent, so a note's token only decides between two notes; it
    is the lease of who records that must hold.
    """
    best = {(note.row, note.born): note for note in sorted(notes, key=_worth)}
    if not best:
        return 0
    with transaction.atomic():
        check_lease(held)
        sending = Outbox.objects.filter(IS_OPEN, channel_id=channel_id, state=Outbox.State.SENDING)
        rows = sending.select_for_update()
        found = [(row, best.get((row.pk, row.created_at))) for row in rows.exclude(pk__in=list(except_for))]
        return sum(_record_note(row, note) for row, note in found if note is not None)


def _worth(note: Accepted) -> tuple[bool, int, int]:
    return note.whole, note.token, len(note.remote_ids)


def _record_note(row: Outbox, note: Accepted) -> bool:
    """Write down of a row what its sender would have; False when it knows as much itself."""
    if note.whole:
        mark_sent(row.pk, remote_ids=note.remote_ids, message_id=row.payload.get("message"))
    elif len(note.remote_ids) > len(row.remote_ids):
        keep_part(row.pk, remote_ids=note.remote_ids)
    else:
        return False
    return True


def keep_part(pk: int, *, remote_ids: Sequence[str]) -> None:
    """Record the parts that are already out, so that a second attempt goes on after them."""
    Outbox.objects.filter(pk=pk).update(remote_ids=list(remote_ids))


def move_chat(channel_id: int, *, old: str, new: str) -> None:
    """A chat got a new id: its open rows follow, and come as new messages, because those they name stay behind."""
    for row in Outbox.objects.select_for_update().filter(IS_OPEN, channel_id=channel_id, chat_id=old):
        payload = {key: value for key, value in row.payload.items() if key not in _NAMES_OF_MESSAGES}
        Outbox.objects.filter(pk=row.pk).update(chat_id=new, payload=payload)


def replay_row(pk: int) -> bool:
    """Queue a dead or expired row again; False when it is neither."""
    with transaction.atomic():
        row = Outbox.objects.filter(pk=pk, state__in=[Outbox.State.DEAD, Outbox.State.EXPIRED])
        changed = row.update(state=Outbox.State.NEW, attempts=0, not_before=timezone.now(), error="")
        nudge_on_commit("outbox")
    return bool(changed)


def expire_older(*, days: int) -> int:
    """Give up on answers that could not be sent for so many days; they stay and can be replayed."""
    before = timezone.now() - timedelta(days=days)
    late = Outbox.objects.filter(IS_OPEN, state=Outbox.State.NEW, created_at__lt=before)
    # Channel by channel, as the index of the open ones has them: by age all that were sent would be looked through.
    lines = [late.filter(channel_id=pk) for pk in Channel.objects.values_list("pk", flat=True)]
    return sum(line.update(state=Outbox.State.EXPIRED, error="not sent in time") for line in lines)
