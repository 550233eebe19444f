"""A breaker for each source of each system, kept in its row, because every job is a process of its own.

Five failures in a row open it: for 30 s nobody asks, then one call may try. A call that succeeds closes it.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db.models import F, Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from clawsite.core.errors import Unavailable
from runbooks.models import MonitoredSystem, SystemReading

FAILURES = 5
OPEN_SECONDS = 30.0
MOST_ERROR = 300


def check_breaker(system: MonitoredSystem, source: str, *, now: datetime | None = None) -> None:
    """Raise Unavailable while it is open; when its time is over, let this one call through and keep others waiting."""
    now = now or timezone.now()
    row = SystemReading.objects.filter(system=system, source=source).first()
    if row is None or row.open_until is None:
        return
    if row.open_until > now or not _take_probe(row, now):
        raise Unavailable(
            _("{source} of {name} failed often and is left alone for a moment: {error}").format(
                source=source, name=system.name, error=row.error
            )
        )


def _take_probe(row: SystemReading, now: datetime) -> bool:
    later = now + timedelta(seconds=OPEN_SECONDS)
    return bool(SystemReading.objects.filter(pk=row.pk, open_until=row.open_until).update(open_until=later))


def note_success(system: MonitoredSystem, source: str) -> None:
    """Close it. Costs a read only, when nothing was wrong."""
    wrong = SystemReading.objects.filter(Q(failures__gt=0) | ~Q(error=""), system=system, source=source)
    if wrong.exists():
        wrong.update(failures=0, error="", failing_since=None, open_until=None)


def note_failure(system: MonitoredSystem, source: str, error: str, *, now: datetime | None = None) -> None:
    """Count one failure; the fifth in a row opens it."""
    now = now or timezone.now()
    rows = _say(system, source, error, now)
    rows.update(failures=F("failures") + 1)
    rows.filter(failures__gte=FAILURES).update(open_until=now + timedelta(seconds=OPEN_SECONDS))


def note_refusal(system: MonitoredSystem, source: str, error: str, *, now: datetime | None = None) -> None:
    """Take note of an answer that was of no use (no rights, not what it should be): it is up, so the breaker closes."""
    _say(system, source, error, now or timezone.now()).update(failures=0, open_until=None)


def _say(system: MonitoredSystem, source: str, error: str, now: datetime) -> QuerySet[SystemReading]:
    """Write down what is wrong, and since when; return the one row."""
    row, _created = SystemReading.objects.get_or_create(system=system, source=source)
    rows = SystemReading.objects.filter(pk=row.pk)
    rows.update(error=error[:MOST_ERROR])
    rows.filter(failing_since=None).update(failing_since=now)
    return rows
