"""Quiet hours: when what is not critical waits. Times are those of a wall clock in some zone. Pure."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo


def quiet_end(now: datetime, *, begins: time | None, ends: time | None, zone: ZoneInfo) -> datetime | None:
    """Return when the quiet hours that hold at `now` are over; None when none hold. They may go over midnight."""
    if begins is None or ends is None or begins == ends:
        return None
    local = now.astimezone(zone)
    for day in (local.date() - timedelta(days=1), local.date()):
        start = datetime.combine(day, begins, tzinfo=zone)
        last = day if begins < ends else day + timedelta(days=1)
        end = datetime.combine(last, ends, tzinfo=zone)
        # Compared as moments of the world: within one zone Python would compare the clocks' faces.
        if start.timestamp() <= now.timestamp() < end.timestamp():
            return end
    return None
