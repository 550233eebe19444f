"""Periods as people write them, in three languages: "2h", "última hora", "last 30 minutes", "за сутки", "hoje".

A period stands at the end of a line; what is before it is something else (a name). Days are those of the chat's zone.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from difflib import get_close_matches
from zoneinfo import ZoneInfo

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from bots.commands.spelling import plain
from clawsite.core.errors import BadInput

LONGEST = timedelta(days=31)
SHORTEST = timedelta(minutes=1)
MOST_WORDS = 6
CLOSE = 0.66

_MINUTE, _HOUR, _DAY, _WEEK = "minute", "hour", "day", "week"
# What may stand behind a number, also where somebody says for how long.
UNITS = {
    _MINUTE: "m min mins minute minutes minuto minutos м мин минута минуту минуты минут",
    _HOUR: "h hr hrs hour hours hora horas ч час часа часов",
    _DAY: "d day days dia dias д день дня дней",
}
# What only a period that is over is called.
_PAST_UNITS = {
    _HOUR: "часу",
    _DAY: "сутки суток",
    _WEEK: "w wk week weeks sem semana semanas н нед неделя неделю недели недель",
}
SECONDS = {_MINUTE: 60, _HOUR: 3600, _DAY: 86_400, _WEEK: 604_800}
_WORDS = {plain(word): unit for table in (UNITS, _PAST_UNITS) for unit in table for word in table[unit].split()}
_NUMBERS = {
    plain(word): number
    for number, words in {
        1: "one a an um uma один одну одни",
        2: "two dois duas два две двое",
        3: "three tres три",
        4: "four quatro четыре",
        5: "five cinco пять",
        6: "six seis шесть",
        8: "eight oito восемь",
        12: "twelve doze двенадцать",
    }.items()
    for word in words.split()
}
_LEADS = {
    plain(word)
    for words in (
        "in for of over during the last past previous",
        "no na nos nas do da dos das em de ultimo ultima ultimos ultimas passado passada passados passadas",
        "за в на последний последнюю последние последних последнее прошлый прошлую прошлые",
    )
    for word in words.split()
}
_TODAY = {plain(word) for word in ("today", "hoje", "сегодня")}
_YESTERDAY = {plain(word) for word in ("yesterday", "ontem", "вчера")}
_JOINED = re.compile(r"(\d{1,5})([^\W\d]+)")


@dataclass(frozen=True, kw_only=True, slots=True)
class Period:
    """From when to when, and how it was asked for: so many units, or a day ("today", "yesterday")."""

    start: datetime
    end: datetime
    unit: str
    count: int = 1

    @property
    def seconds(self) -> float:
        """How long it is."""
        return self.end.timestamp() - self.start.timestamp()

    @property
    def code(self) -> str:
        """Its shortest spelling, for buttons."""
        return self.unit if self.unit in ("today", "yesterday") else f"{self.count}{self.unit[0]}"

    @property
    def title(self) -> str:
        """How people read it, in the language that is active: last 2 hours."""
        if self.unit == "today":
            return _("today")
        if self.unit == "yesterday":
            return _("yesterday")
        names = {
            _MINUTE: ngettext("last minute", "last {count} minutes", self.count),
            _HOUR: ngettext("last hour", "last {count} hours", self.count),
            _DAY: ngettext("last day", "last {count} days", self.count),
            _WEEK: ngettext("last week", "last {count} weeks", self.count),
        }
        return names[self.unit].format(count=self.count)


def last(count: int, unit: str, *, now: datetime) -> Period:
    """Return the last so many units; BadInput for a period that is too short or too long."""
    seconds = count * SECONDS[unit]  # of any size: a telephone number can stand before a word for a unit
    if not SHORTEST.total_seconds() <= seconds <= LONGEST.total_seconds():
        raise BadInput(_("A period can be from one minute to {days} days long.").format(days=LONGEST.days))
    span = timedelta(seconds=seconds)
    return Period(start=now - span, end=now, unit=unit, count=count)


def read_period(text: str, *, now: datetime, zone: ZoneInfo) -> Period | None:
    """Return the period that a text is, None when it is none or empty."""
    words = _split(text)
    while len(words) > 1 and words[0] in _LEADS:
        words = words[1:]
    if len(words) == 1 and (words[0] in _TODAY or words[0] in _YESTERDAY):
        return _day(now, zone, is_today=words[0] in _TODAY)
    count = 1
    if len(words) == 2:
        found = int(words[0]) if words[0].isdecimal() else _NUMBERS.get(words[0])
        if found is None:
            return None
        count, words = found, words[1:]
    unit = _WORDS.get(words[0]) if len(words) == 1 else None
    return last(count, unit, now=now) if unit is not None else None


def split_period(text: str, *, now: datetime, zone: ZoneInfo) -> tuple[str, Period | None]:
    """Take the period off the end of a line; return the words before it, as they were typed, and the period."""
    words = text.split()
    for first in range(max(0, len(words) - MOST_WORDS), len(words)):
        tail = " ".join(words[first:])
        # A lone letter at the end of a name is no period: "group d".
        period = read_period(tail, now=now, zone=zone)
        if period is not None and (first == 0 or len(plain(tail)) > 1):
            return " ".join(words[:first]), period
    return text.strip(), None


def suggest_period(text: str) -> str:
    """Return what a text that is no period was probably meant to be, "" when there is nothing near."""
    words = _split(text)
    while len(words) > 1 and words[0] in _LEADS:
        words = words[1:]
    if not words or len(words) > 2:
        return ""
    near = get_close_matches(words[-1], [word for word in _WORDS if len(word) > 2], n=5, cutoff=CLOSE)
    near.sort(key=lambda word: sorted(word) != sorted(words[-1]))  # letters are swapped more often than left out
    has_number = len(words) == 2 and (words[0].isdecimal() or words[0] in _NUMBERS)
    if not near or (len(words) == 2 and not has_number):
        return ""
    return f"{words[0]} {near[0]}" if has_number else near[0]


def _split(text: str) -> list[str]:
    """Return the words in plain spelling, with 2h as 2 and h."""
    return _JOINED.sub(r"\1 \2", plain(text)).split()


def _day(now: datetime, zone: ZoneInfo, *, is_today: bool) -> Period:
    """Return today up to now, or yesterday, from midnight to midnight of a zone."""
    midnight = now.astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0)
    if is_today:
        return Period(start=min(midnight, now - SHORTEST), end=now, unit="today")
    before = (midnight - timedelta(days=1)).replace(fold=0)
    return Period(start=before, end=midnight, unit="yesterday")
