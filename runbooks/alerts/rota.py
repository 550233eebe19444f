"""Whose turn it is. Shifts are hours of a wall clock, so a night shift is an hour longer or shorter when clocks change.

Each beginning and end is turned into a moment of the world by the same rule, so shifts that meet on the clock meet in
the world, on both days of daylight saving too.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from django.conf import settings

from runbooks.models import Responder, Rota, Shift, Swap
from runbooks.models.oncall import DAYS

DAY = timedelta(days=1)
# How far a look for the next change goes.
AHEAD = timedelta(days=8)


@dataclass(frozen=True, kw_only=True, slots=True)
class Turn:
    """One person's stretch of time."""

    responder: Responder
    starts_at: datetime
    ends_at: datetime
    swapped: bool = False

    def holds(self, at: datetime) -> bool:
        """Tell whether a moment lies in it; its end does not."""
        return self.starts_at <= at < self.ends_at


def zone_of_rota(rota: Rota) -> ZoneInfo:
    """Return the zone of a rota's clock."""
    return ZoneInfo(rota.time_zone or settings.TIME_ZONE)


def find_on_call(rota: Rota, at: datetime) -> Turn | None:
    """Return whose turn it is: by the newest swap, else by the shift that began last; None in a gap."""
    turns = [*_shift_turns(rota, at - 2 * DAY, at + DAY), *_swap_turns(rota, at, at)]
    return _holding(turns, at)


def list_turns(rota: Rota, *, start: datetime, end: datetime) -> list[Turn]:
    """Return who is on call when, swaps applied, gaps left out."""
    turns = [*_shift_turns(rota, start - 2 * DAY, end), *_swap_turns(rota, start, end)]
    edges = sorted({start, end, *(edge for turn in turns for edge in (turn.starts_at, turn.ends_at))})
    found: list[Turn] = []
    for begins, ends in itertools.pairwise(edges):
        holding = _holding(turns, begins) if start <= begins < end else None
        if holding is None:
            continue
        starts = begins
        if found and found[-1].responder == holding.responder and found[-1].ends_at == begins:
            starts = found.pop().starts_at
        found.append(Turn(responder=holding.responder, starts_at=starts, ends_at=ends, swapped=holding.swapped))
    return found


def find_next(rota: Rota, at: datetime) -> Turn | None:
    """Return the turn after the one that holds at a moment."""
    return next((turn for turn in list_turns(rota, start=at, end=at + AHEAD) if turn.starts_at > at), None)


def find_end(rota: Rota, turn: Turn, at: datetime) -> datetime:
    """Return when somebody else has the turn that holds at a moment, or nobody: swaps and shifts that follow count.

    Who has it for longer than one looks ahead has it to the end of the shift at least.
    """
    held = list_turns(rota, start=at, end=at + AHEAD)[0]
    return held.ends_at if held.ends_at < at + AHEAD else turn.ends_at


def _holding(turns: Iterable[Turn], at: datetime) -> Turn | None:
    held = [
        (turn.swapped, 0.0 if turn.swapped else turn.starts_at.timestamp(), place, turn)
        for place, turn in enumerate(turns)
        if turn.holds(at)
    ]
    return max(held, key=lambda each: each[:3])[3] if held else None


def _swap_turns(rota: Rota, start: datetime, end: datetime) -> Iterator[Turn]:
    rows = Swap.objects.filter(rota=rota, ends_at__gt=start, starts_at__lte=end, responder__enabled=True)
    for row in rows.select_related("responder__contact").order_by("pk"):
        yield Turn(responder=row.responder, starts_at=row.starts_at, ends_at=row.ends_at, swapped=True)


def _shift_turns(rota: Rota, start: datetime, end: datetime) -> Iterator[Turn]:
    """Yield the turns of shifts that begin on the days between two moments, on the rota's clock."""
    zone = zone_of_rota(rota)
    first, last = start.astimezone(zone).date(), end.astimezone(zone).date()
    days = [first + DAY * number for number in range((last - first).days + 1)]
    shifts = rota.shifts.filter(responder__enabled=True).select_related("responder__contact").order_by("pk")
    for shift in shifts:
        for day in days:
            if begins_on(shift, day):
                yield _turn_of(shift, day, zone)


def begins_on(shift: Shift, day: date) -> bool:
    """Tell whether a shift begins on a day: its weekday, its week of the rotation, within its dates."""
    if DAYS[day.weekday()] not in shift.days or day < shift.first_day:
        return False
    if shift.last_day is not None and day > shift.last_day:
        return False
    weeks = (_monday(day) - _monday(shift.first_day)).days // 7
    return weeks % shift.every_weeks == 0


def _monday(day: date) -> date:
    return day - DAY * day.weekday()


def _turn_of(shift: Shift, day: date, zone: ZoneInfo) -> Turn:
    """Put a shift of a day on the world's clock. A time that clocks skip or repeat counts as before the change."""
    last = day if shift.starts < shift.ends else day + DAY
    starts = datetime.combine(day, shift.starts, tzinfo=zone).astimezone(UTC)
    ends = datetime.combine(last, shift.ends, tzinfo=zone).astimezone(UTC)
    return Turn(responder=shift.responder, starts_at=starts, ends_at=ends)
