"""Moments on a chat's clock, the time first, as alerts are read; and lengths of time."""

from __future__ import annotations

from datetime import datetime, timedelta, tzinfo

from django.utils.formats import date_format
from django.utils.translation import gettext as _


def clock(moment: str, zone: tzinfo, *, beside: str = "") -> str:
    """Return 15:32, with the day behind it unless that is the day of `beside`, another moment in the same text."""
    at = datetime.fromisoformat(moment).astimezone(zone)
    same_day = bool(beside) and datetime.fromisoformat(beside).astimezone(zone).date() == at.date()
    return at.strftime("%H:%M") if same_day else date_format(at, "H:i, j M")


def length(begin: str, end: str) -> str:
    """Return how long it was from one moment to another: 45 s, 12 min, 3 h 20 min, 2 d 4 h."""
    return span(datetime.fromisoformat(end) - datetime.fromisoformat(begin))


def span(time: timedelta) -> str:
    """Return a length of time in at most two units."""
    seconds = max(0, int(time.total_seconds()))
    if seconds < 60:
        return _("{n} s").format(n=seconds)
    minutes, hours, days = seconds // 60, seconds // 3600, seconds // 86_400
    if hours == 0:
        return _("{n} min").format(n=minutes)
    if days == 0:
        return _("{h} h {m} min").format(h=hours, m=minutes % 60)
    return _("{d} d {h} h").format(d=days, h=hours % 24)
