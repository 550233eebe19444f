"""How the backups are, in one look: for health, metrics, the dashboard, doctor and self alerts."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import timedelta

from django.utils import timezone

from clawsite.core.process import host_name
from clawsite.models import Backup
from clawsite.ops.backups.stores import local_store

State = Backup.State
SKEW = timedelta(minutes=5)
MOST_LOOKED_AT = 100


@dataclass(frozen=True, kw_only=True, slots=True)
class LastBackup:
    """The newest backup that was verified. `age` is in seconds, None when there is none.

    `size` is its bytes. `failing` says why the newest attempt did not succeed, or could not be copied away; "" when it
    did or none was made.
    """

    age: float | None
    size: int
    name: str
    verified: bool
    failing: str


def last() -> LastBackup:
    """Return the newest verified backup that is there; two queries by an index."""
    now = timezone.now()
    # One that a wrong clock has put into the future must not look new for years.
    verified = Backup.objects.filter(state=State.VERIFIED, started_at__lte=now + SKEW).order_by("-started_at")
    good = verified.first()
    if good is not None and _is_gone(good):
        good = next((row for row in verified[:MOST_LOOKED_AT] if not _is_gone(row)), None)
    newest = Backup.objects.exclude(state__in=[State.RUNNING, State.DELETED]).order_by("-id").first()
    failing = newest.error if newest is not None else ""
    if good is None:
        return LastBackup(age=None, size=0, name="", verified=False, failing=failing)
    age = max(0.0, (now - good.started_at).total_seconds())
    return LastBackup(age=age, size=good.size, name=good.name, verified=True, failing=failing)


def _is_gone(row: Backup) -> bool:
    """Tell whether a backup should lie here and nowhere else, and does not: its disk may be another one now."""
    store = local_store()
    here = row.host == host_name() and row.places == [store.label]
    return here and not os.path.isfile(store.root / row.name)  # a folder that nobody may look into is no error
