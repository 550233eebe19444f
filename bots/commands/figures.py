"""Numbers, times and lists as people read them in a chat, in the language that is active."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta, tzinfo

from django.utils.formats import date_format, number_format
from django.utils.translation import gettext as _


def show_number(value: float, *, digits: int = 0) -> str:
    """Return a number with its thousands apart: 1,247 or 1.247, 94.2 or 94,2."""
    return number_format(round(value, digits) if digits else round(value), digits, use_l10n=True, force_grouping=True)


def show_clock(moment: datetime, zone: tzinfo, *, now: datetime) -> str:
    """Return a time of today as 15:32, another one with its day."""
    local = moment.astimezone(zone)
    return date_format(local, "H:i" if local.date() == now.astimezone(zone).date() else "j M H:i")


def show_span(span: timedelta) -> str:
    """Return a length of time in its two largest units, as people say it: 3 d 4 h, 1 h 10 min, 12 min, 40 s."""
    minutes = max(0, int(span.total_seconds())) // 60
    if not minutes:
        return show_seconds(max(0, int(span.total_seconds())))
    days, hours, minutes = minutes // 1440, minutes // 60 % 24, minutes % 60
    parts = [(days, _("d")), (hours, _("h")), (0 if days else minutes, _("min"))]
    return " ".join(f"{count} {unit}" for count, unit in parts if count)


def show_seconds(seconds: float) -> str:
    """Return a short time as it was measured: 3.1 s."""
    return f"{seconds:g} " + _("s")


def show_age(moment: datetime, *, now: datetime) -> str:
    """Return how long ago a moment is: 3 d 4 h ago."""
    return _("{age} ago").format(age=show_span(now - moment))


def show_tree(title: str, lines: Sequence[str]) -> list[str]:
    """Return lines below a title, joined to it."""
    return [title, *(f"├── {line}" for line in lines[:-1]), *(f"└── {line}" for line in lines[-1:])]
