"""Telling chats: a card for each alert in the direct chats of the admins, changed in place when it is over.

New messages are bounded by the hour; what does not fit waits, and is told as soon as it does if it still lasts.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from django.db import InterfaceError, OperationalError, transaction
from django.db.models import Q
from django.utils import timezone

from bots.cards.selfalert import KIND
from clawsite.core.errors import log_unknown
from clawsite.models import SelfAlert
from sessions_app.cards import put_card
from sessions_app.models import Contact, Session

HOUR = timedelta(hours=1)
MOST_AN_HOUR, MOST_CRITICAL_AN_HOUR = 12, 20
MOST_CHATS = 20
Told = SelfAlert.Told


def tell_chats(now: datetime | None = None) -> int:
    """Bring the cards of what changed up to date; return how many alerts that were."""
    moment = now or timezone.now()
    rows = list(_changed())
    chats = list(_chats()) if rows else []
    told = 0
    for row in rows if chats else ():
        is_new = row.chats == Told.NOTHING
        if is_new and not row.is_open:
            SelfAlert.objects.filter(pk=row.pk).update(chats=Told.CLOSED)  # over before there was room to tell it
        elif not is_new or _has_room(row, moment):
            told += _try_to_tell(row, chats, moment, is_new=is_new)
    return told


def _changed() -> Iterable[SelfAlert]:
    """Return alerts of which chats know something else; critical ones first."""
    opened = Q(closed_at=None) & ~Q(chats=Told.OPEN)
    closed = Q(closed_at__isnull=False) & ~Q(chats=Told.CLOSED)
    return SelfAlert.objects.filter(opened | closed).order_by("severity", "id")


def _chats() -> Iterable[int]:
    """Return the direct chats of people who are admins, as far as they have written to us."""
    for contact in Contact.objects.filter(
        role=Contact.RoleChoice.ADMIN, state=Contact.State.APPROVED, channel__enabled=True
    ):
        places = Session.objects.filter(channel_id=contact.channel_id, kind=Session.Kind.DIRECT)
        yield from places.filter(chat_id=contact.external_id, thread_id="").values_list("pk", flat=True)[:MOST_CHATS]


def _has_room(row: SelfAlert, now: datetime) -> bool:
    rung = SelfAlert.objects.filter(rang_at__gt=now - HOUR).count()
    return rung < (MOST_CRITICAL_AN_HOUR if row.severity == SelfAlert.Severity.CRITICAL else MOST_AN_HOUR)


def _try_to_tell(row: SelfAlert, chats: Iterable[int], now: datetime, *, is_new: bool) -> bool:
    """Tell of one alert; when that is impossible, the others and the mail are told all the same."""
    try:
        _tell(row, chats, now, is_new=is_new)
    except (OperationalError, InterfaceError):
        raise
    except Exception as error:
        log_unknown(error, where=f"telling chats of {row}")
        return False
    return True


@transaction.atomic
def _tell(row: SelfAlert, chats: Iterable[int], now: datetime, *, is_new: bool) -> None:
    for session_id in chats:
        put_card(
            f"self:{row.pk}:{session_id}",
            session_id=session_id,
            kind=KIND,
            data=describe(row),
            ring="new" if is_new else "",
            silent=row.severity != SelfAlert.Severity.CRITICAL,
        )
    state = Told.OPEN if row.is_open else Told.CLOSED
    rang = {"rang_at": now} if is_new else {}
    SelfAlert.objects.filter(pk=row.pk).update(chats=state, **rang)


def describe(row: SelfAlert) -> dict[str, object]:
    """Return an alert as the data of its card."""
    return {
        "check": row.check_name,
        "subject": row.subject,
        "severity": str(row.severity),
        "opened": row.opened_at.isoformat(),
        "closed": row.closed_at.isoformat() if row.closed_at else "",
        "numbers": row.data,
    }
