"""Whether a group is silenced. A silence belongs to the group's key: it outlives an end and a new beginning."""

from __future__ import annotations

from datetime import datetime

from runbooks.models import AlertGroup, AlertSilence

State = AlertSilence.State

SILENT = (State.WANTED, State.ACTIVE, State.LOCAL)


def find_silence(group: AlertGroup, *, now: datetime) -> AlertSilence | None:
    """Return the newest silence that people should hear of, one that failed among them; None when there is none."""
    rows = AlertSilence.objects.filter(key=group.key, ends_at__gt=now).exclude(state=State.UNDONE)
    return rows.order_by("-id").first()


def is_silent(silence: AlertSilence | None) -> bool:
    """Tell whether a silence keeps messages quiet."""
    return silence is not None and silence.state in SILENT
