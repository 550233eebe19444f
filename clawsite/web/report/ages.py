"""How old a moment is."""

from __future__ import annotations

from datetime import datetime


def age(moment: datetime, now: datetime) -> int:
    """Return whole seconds since a moment, never less than none."""
    return max(0, round((now - moment).total_seconds()))


def age_or_none(moment: datetime | None, now: datetime) -> int | None:
    """Return the same, and None for what has not been yet."""
    return None if moment is None else age(moment, now)
