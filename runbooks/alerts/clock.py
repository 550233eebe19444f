"""What time alone brings about: steps of escalations, reminders, ends of quiet hours and storms, missing heartbeats,
and doubts about what nobody has spoken of for long.

Every worker looks; each piece is taken by a conditional update, so it happens once.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from django.db import transaction
from django.utils import timezone

from clawsite.core.clock import Offset
from clawsite.core.errors import log_unknown
from runbooks.alerts.escalating import take_due_steps
from runbooks.alerts.groups import lock_group
from runbooks.alerts.heartbeats import check_heartbeats, settle_unwatched
from runbooks.alerts.reminders import remind
from runbooks.alerts.setbacks import wait_after
from runbooks.alerts.showing import release, show_group
from runbooks.alerts.silencing import end_silences
from runbooks.alerts.staleness import end_lost, mark_stale
from runbooks.alerts.storms import end_storms
from runbooks.alerts.subscriptions import find_subscribed
from runbooks.alerts.timeline import note
from runbooks.models import AlertGroup, AlertNotice

# Since when this process listens, by the clock as it is now: what should have come before is not missed, nor what the
# machine slept through.
_since = timezone.now()
_offset = Offset()
BATCH = 100


def tick(*, now: datetime | None = None, since: datetime | None = None) -> None:
    """Do everything that is due. A piece that fails is logged and keeps none of the others waiting."""
    moment = now or timezone.now()
    began = since or _listen(timezone.now())
    pieces: tuple[Callable[[], object], ...] = (
        lambda: take_due_steps(now=moment),
        lambda: remind(now=moment),
        lambda: release_held(now=moment),
        lambda: end_storms(now=moment),
        lambda: end_silences(now=moment),
        lambda: mark_stale(now=moment),
        lambda: end_lost(now=moment),
        lambda: check_heartbeats(now=moment, since=began),
        lambda: settle_unwatched(now=moment),
    )
    for piece in pieces:
        try:
            piece()
        except Exception as error:
            log_unknown(error, where="the clock of alerts")


def _listen(now: datetime) -> datetime:
    """Return since when this process listens: since now, when the clock was moved."""
    global _since
    _since = now if _offset.moved() else _since
    return _since


def release_held(*, now: datetime) -> int:
    """Show what was held back in quiet hours that are over, if it still fires; return how many were.

    One that cannot be shown moves back behind the others.
    """
    due = AlertNotice.objects.filter(held_until__lte=now, held_until__isnull=False).order_by("held_until")
    released = 0
    for pk in list(due.values_list("pk", flat=True)[:BATCH]):
        try:
            released += _release(pk, now=now)
        except Exception as error:
            _set_back(pk, log_unknown(error, where=f"held alert {pk}"), now=now)
    return released


def _set_back(pk: int, error_id: str, *, now: datetime) -> None:
    """Have one wait that could not be shown; after too many failures only news of its group brings it to the chat."""
    notice = AlertNotice.objects.filter(pk=pk, held_until__lte=now).first()
    if notice is None:
        return
    wait = wait_after(notice.failures + 1)
    with transaction.atomic():
        lock_group(notices__pk=pk)
        until = None if wait is None else now + wait
        AlertNotice.objects.filter(pk=pk).update(held_until=until, failures=notice.failures + 1)
        if wait is None:
            note(notice.group_id, "show_failed", at=now, session=notice.session_id, error=error_id)


@transaction.atomic
def _release(pk: int, *, now: datetime) -> bool:
    """Let one notice go; of a group that ended, or that the chat is not subscribed to any more, nobody hears."""
    lock_group(notices__pk=pk)
    notice = AlertNotice.objects.select_for_update(of=("self",)).select_related("group__system").filter(pk=pk).first()
    if notice is None or notice.held_until is None or notice.held_until > now:
        return False
    if notice.group.state != AlertGroup.State.FIRING or notice.session_id not in find_subscribed(notice.group):
        notice.delete()
        return False
    release(notice, now=now)
    show_group(notice.group, now=now)
    return True
