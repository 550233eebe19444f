"""The durable inbox. A row is unique by channel and external id, so storing an update twice changes nothing.

Rows of one lane (one session) are worked on in the order of their ids, never two at once: whoever works on a lane
holds its lease, and every commit of that work checks the lease's token.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from clawsite.core.leases import Held, check_lease, release_lease, take_lease
from clawsite.core.nudge import nudge_on_commit
from clawsite.core.sql import change, moment
from sessions_app.models import Inbox

MAX_ATTEMPTS = 5
# Written on a row that was not worked on because its sender wrote too much at once.
TOO_MANY = "too many at once"
# The first rows usually tell; a line behind one that waits is looked through in larger pages.
SCAN_PAGES = (16, 64, *(256,) * 15)

_COUNT = "UPDATE sessions_app_inbox SET attempts = attempts + 1 WHERE id = %s AND state = 'new'"
_FINISH = """
UPDATE sessions_app_inbox SET state = %s, done_at = %s, error = %s, trace_id = %s
WHERE id = %s AND state IN ('new', 'parked')
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class StoredUpdate:
    """A raw update as intake stores it. `delay` seconds pass before it is worked on (albums collect)."""

    external_id: str
    lane: str
    raw: str
    state: str = Inbox.State.NEW
    delay: float = 0.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Head:
    """The first new row of a lane."""

    pk: int
    channel_id: int
    lane: str
    received_at: datetime
    attempts: int


def store_updates(channel_id: int, updates: Sequence[StoredUpdate], *, held: Held | None = None) -> int:
    """Commit updates; those already stored are left as they are. Return how many were given.

    With `held` (the poller's lease) the commit is refused by LeaseLost when another poller took over.
    """
    now = timezone.now()
    rows = [
        Inbox(
            channel_id=channel_id,
            external_id=update.external_id[:100],
            lane=update.lane[:200],
            raw=update.raw,
            state=update.state,
            not_before=now + timedelta(seconds=update.delay),
            received_at=now,
        )
        for update in updates
    ]
    with transaction.atomic():
        if held is not None:
            check_lease(held)
        Inbox.objects.bulk_create(rows, ignore_conflicts=True)
        nudge_on_commit("inbox")
    return len(rows)


def find_heads(*, busy: Collection[str], limit: int) -> list[Head]:
    """Return the heads of up to `limit` lanes that may be worked on now, oldest first; `busy` lanes are passed over.

    A head that waits (after a failed attempt) hides the rest of its lane, which keeps the order. A lane that fills a
    page does not hide the lanes behind it: the next page is read without it.
    """
    now = timezone.now()
    seen = set(busy)
    heads: list[Head] = []
    for size in SCAN_PAGES:
        rows = _read_page(seen, size)
        for pk, channel_id, lane, received_at, attempts, not_before in rows:
            if lane not in seen and not_before <= now:
                heads.append(Head(pk=pk, channel_id=channel_id, lane=lane, received_at=received_at, attempts=attempts))
            seen.add(lane)
        if len(heads) >= limit or len(rows) < size:
            break
    return heads[:limit]


def has_new(channel_id: int, *, chat_id: str) -> bool:
    """Tell whether anything of a chat waits to be worked on, or is being worked on."""
    return Inbox.objects.filter(state=Inbox.State.NEW, lane__startswith=f"{channel_id}/{chat_id}/").exists()


def find_first(lane: str) -> str:
    """Return the oldest update of a lane that waits to be worked on, or is being worked on, or ""."""
    rows = Inbox.objects.filter(state=Inbox.State.NEW, lane=lane).order_by("id")
    return rows.values_list("raw", flat=True).first() or ""


def _read_page(passed: Collection[str], size: int) -> list[tuple[Any, ...]]:
    """Return the oldest new rows of all lanes but these."""
    rows = Inbox.objects.filter(state=Inbox.State.NEW).exclude(lane__in=list(passed)).order_by("id")
    return list(rows.values_list("pk", "channel_id", "lane", "received_at", "attempts", "not_before")[:size])


def claim(head: Head, *, process_id: int) -> Held | None:
    """Take the lane's lease and count the attempt; None when another has the lane or the row. In a transaction."""
    held = take_lease(f"lane:{head.lane}", process_id=process_id)
    if held is None:
        return None
    if not change(_COUNT, head.pk):
        release_lease(held)
        return None
    return held


def finish_row(pk: int, *, state: str = Inbox.State.DONE, error: str = "", trace_id: str = "") -> bool:
    """Move a row out of `new` or `parked`; False when it already was. In the transaction of what it caused."""
    return bool(change(_FINISH, str(state), moment(), error[:200], trace_id, pk))


def postpone_row(pk: int, *, seconds: float, error: str = "", uncount: bool = False) -> None:
    """Let a row wait before its next attempt. `uncount` hands it back as if it had not been tried."""
    change = {"not_before": timezone.now() + timedelta(seconds=seconds), "error": error[:200]}
    rows = Inbox.objects.filter(pk=pk, state=Inbox.State.NEW)
    if uncount:
        rows.filter(attempts__gt=0).update(attempts=F("attempts") - 1, **change)
    else:
        rows.update(**change)


def end_waits(now: datetime) -> int:
    """Let rows that wait be tried now, whatever for; return how many. For a clock that was set back."""
    return Inbox.objects.filter(state=Inbox.State.NEW, not_before__gt=now).update(not_before=now)


def replay_row(pk: int) -> bool:
    """Give a dead or unparsed row a new set of attempts; False when it is neither, or has its text no more."""
    dead = [Inbox.State.DEAD, Inbox.State.UNPARSED]
    with transaction.atomic():
        changed = (
            Inbox.objects.filter(pk=pk, state__in=dead)
            .exclude(raw="")
            .update(state=Inbox.State.NEW, attempts=0, not_before=timezone.now(), error="", done_at=None)
        )
        nudge_on_commit("inbox")
    return bool(changed)
