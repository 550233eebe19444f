"""Moments on a chat's clock, the time first, as alerts are read; and lengths of time."""

from __future__ import annotations

from datetime import datetime, tzinfo

from django.utils.formats import date_format

from bots.commands.figures import show_span


def clock(moment: str, zone: tzinfo, *, beside: str = "") -> str:
    """Return 15:32, with the day behind it unless that is the day of `beside`, another moment in the same text."""
    at = datetime.fromisoformat(moment).astimezone(zone)
    same_day = bool(beside) and datetime.fromisoformat(beside).astimezone(zone).date() == at.date()
    return at.strftime("%H:%M") if same_day else date_format(at, "H:i, j M")


def length(begin: str, end: str) -> str:
    """Return how long it was from one moment to another: 45 s, 12 min, 3 h 20 min, 2 d 4 h."""
    return show_span(datetime.fromisoformat(end) - datetime.fromisoformat(begin))
