"""The breaker in a row: what keeps failing is left alone for a while, then tried by one call of one process.

It opens at the fifth failure in a row, or at a later one when asking has failed for ten seconds, because what is asked
rarely would take minutes to fail five times. It opens at once for as long as a service itself asked to be left alone.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Literal

from django.db.models import F, Q, QuerySet
from django.utils import timezone

from clawsite.core.models import BreakerRow

State = Literal["closed", "open", "half_open"]

FAILURES = 5
SLOW_FAILURES, SLOW_SECONDS = 2, 10.0
OPEN_SECONDS = 30.0
MOST_ERROR = 300


def state_of(row: BreakerRow, *, now: datetime) -> State:
    """Return what the breaker lets through: everything, nothing, or the one call that tries."""
    if row.open_until is None:
        return "closed"
    return "open" if row.open_until > now else "half_open"


def admit(row: BreakerRow, *, now: datetime | None = None) -> bool:
    """Tell whether a call may be made; when the time of an open breaker is over, only to the first who asks."""
    now = now or timezone.now()
    if row.open_until is None:
        return True
    later = now + timedelta(seconds=OPEN_SECONDS)
    return row.open_until <= now and bool(_rows(row).filter(open_until=row.open_until).update(open_until=later))


def note_success(rows: QuerySet[Any], **values: Any) -> bool:
    """Close it; True when something had been wrong. Costs a read only, when nothing was."""
    wrong = rows.filter(Q(failures__gt=0) | ~Q(error="") | Q(failing_since__isnull=False) | Q(open_until__isnull=False))
    if not wrong.exists():
        return False
    return bool(wrong.update(failures=0, error="", failing_since=None, open_until=None, **values))


def note_failure(
    rows: QuerySet[Any],
    error: str,
    *,
    seconds: float | None = None,
    now: datetime | None = None,
    began: datetime | None = None,
    **values: Any,
) -> None:
    """Count one failure of the one row. `seconds`: the service asked to be left alone for so long.

    `began`: when it was asked; a service that keeps whoever asks waiting has been failing since then.
    """
    now = now or timezone.now()
    _say(rows, error, began or now, failures=F("failures") + 1, **values)
    long_ago = now - timedelta(seconds=SLOW_SECONDS)
    tired = Q(failures__gte=FAILURES) | Q(failures__gte=SLOW_FAILURES, failing_since__lte=long_ago)
    opened = rows.all() if seconds else rows.filter(tired)
    until = now + timedelta(seconds=max(seconds or 0.0, OPEN_SECONDS))
    opened.filter(Q(open_until=None) | Q(open_until__lt=until)).update(open_until=until)


def note_refusal(rows: QuerySet[Any], error: str, *, now: datetime | None = None) -> None:
    """Take note of an answer that was of no use (no rights, not what it should be): it is up, so the breaker closes."""
    _say(rows, error, now or timezone.now(), failures=0, open_until=None)


def _say(rows: QuerySet[Any], error: str, now: datetime, **values: Any) -> None:
    """Write what is known of the trouble before anybody sees that there is one."""
    rows.update(error=error[:MOST_ERROR], **values)
    rows.filter(failing_since=None).update(failing_since=now)


def _rows(row: BreakerRow) -> QuerySet[Any]:
    return type(row)._default_manager.filter(pk=row.pk)
