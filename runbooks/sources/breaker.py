"""The breaker of each source of each system, in the row that holds what it said last."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from clawsite.core import breaker
from clawsite.core.errors import Unavailable
from runbooks.models import MonitoredSystem, SystemReading

# A source that has just begun to fail is looked at again so soon, so that its breaker opens within a minute.
AGAIN_SECONDS = 10.0


def check_breaker(system: MonitoredSystem, source: str, *, now: datetime | None = None) -> None:
    """Raise Unavailable while it is open; when its time is over, let this one call through and keep others waiting."""
    row = _rows(system, source).first()
    if row is not None and not breaker.admit(row, now=now):
        raise Unavailable(
            _("{source} of {name} failed often and is left alone for a moment: {error}").format(
                source=source, name=system.name, error=row.error
            )
        )


def note_success(system: MonitoredSystem, source: str) -> None:
    """Close it. Costs a read only, when nothing was wrong."""
    breaker.note_success(_rows(system, source))


def note_failure(
    system: MonitoredSystem,
    source: str,
    error: str,
    *,
    retry_after: float | None = None,
    now: datetime | None = None,
    began: datetime | None = None,
) -> None:
    """Count one failure; see `clawsite.core.breaker` for when it opens."""
    now = now or timezone.now()
    rows = _ensured(system, source)
    breaker.note_failure(rows, error, seconds=retry_after, now=now, began=began)
    again = now + timedelta(seconds=AGAIN_SECONDS)
    rows.filter(open_until=None, due_at__gt=again).update(due_at=again)


def note_refusal(system: MonitoredSystem, source: str, error: str, *, now: datetime | None = None) -> None:
    """Take note of an answer that was of no use; see `clawsite.core.breaker`."""
    breaker.note_refusal(_ensured(system, source), error, now=now)


def _rows(system: MonitoredSystem, source: str) -> QuerySet[SystemReading]:
    return SystemReading.objects.filter(system=system, source=source)


def _ensured(system: MonitoredSystem, source: str) -> QuerySet[SystemReading]:
    row, _created = SystemReading.objects.get_or_create(system=system, source=source)
    return SystemReading.objects.filter(pk=row.pk)
