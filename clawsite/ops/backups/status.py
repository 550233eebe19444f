"""How the backups are, in one look: for health, metrics, the dashboard, doctor and self alerts."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from django.utils import timezone

from clawsite.models import Backup

State = Backup.State
SKEW = timedelta(minutes=5)


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
    """Return the newest verified backup; two queries by an index."""
    now = timezone.now()
    # One that a wrong clock has put into the future must not look new for years.
    verified = Backup.objects.filter(state=State.VERIFIED, started_at__lte=now + SKEW)
    good = verified.order_by("-started_at").first()
    newest = Backup.objects.exclude(state__in=[State.RUNNING, State.DELETED]).order_by("-id").first()
    failing = newest.error if newest is not None else ""
    if good is None:
        return LastBackup(age=None, size=0, name="", verified=False, failing=failing)
    age = max(0.0, (now - good.started_at).total_seconds())
    return LastBackup(age=age, size=good.size, name=good.name, verified=True, failing=failing)
