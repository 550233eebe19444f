"""How long backups are kept: the last of each day for a month, then of each week and of each month, as set.

A pure function of names, which hold the time, so it works on any store and without rows.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta

from django.conf import settings

from clawsite.models import Backup
from clawsite.ops.backups.stores import Store

_TIME = re.compile(r"clawsite-(\d{8}T\d{6}Z)-")


def time_of(name: str) -> datetime | None:
    """Return when the backup of this name was made; None for what is no backup."""
    found = _TIME.match(name)
    return datetime.strptime(found[1], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC) if found else None


def find_expired(names: Iterable[str], *, now: datetime, days: int, weeks: int, months: int) -> list[str]:
    """Return the backups whose time is over. The newest one is always kept, and so is each one of the last day."""
    times = {name: moment for name in names if (moment := time_of(name)) is not None}
    newest = sorted(times, key=lambda name: (times[name], name), reverse=True)
    kept = set(newest[:1]) | {name for name in newest if times[name] > now - timedelta(days=1)}
    for count, period in ((days, _day), (weeks, _week), (months, _month)):
        kept |= _last_of_each(newest, times, period, count)
    return sorted(name for name in newest if name not in kept)


def _last_of_each(
    newest: list[str], times: dict[str, datetime], period: Callable[[datetime], str], count: int
) -> set[str]:
    """Return the last backup of each of so many periods that have one."""
    found: dict[str, str] = {}
    for name in newest:
        found.setdefault(period(times[name]), name)
    return set(list(found.values())[:count])


def _day(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d}"


def _week(moment: datetime) -> str:
    return f"{moment:%G-%V}"


def _month(moment: datetime) -> str:
    return f"{moment:%Y-%m}"


def forget_expired(store: Store, *, now: datetime) -> list[str]:
    """Remove from a store what need not be kept any more, and what was never stored whole; return the names."""
    store.forget_halves()
    expired = find_expired(
        [each.name for each in store.list("clawsite-")],
        now=now,
        days=settings.CLAW_BACKUP_DAYS,
        weeks=settings.CLAW_BACKUP_WEEKS,
        months=settings.CLAW_BACKUP_MONTHS,
    )
    for name in expired:
        store.delete(name)
        _note(name, store)
    return expired


def _note(name: str, store: Store) -> None:
    row = Backup.objects.filter(name=name).first()
    if row is None:
        return
    row.places = [place for place in row.places if place != store.label]
    if not row.places:
        row.state = Backup.State.DELETED
    row.save(update_fields=["places", "state"])
