"""When a schedule is due. Pure functions of a row and a moment.

Cron expressions follow the clock on the wall: an hour that is skipped in spring is made up for right after it, one that
comes twice in autumn counts once, except for expressions that mean every hour or minute.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError
from django.conf import settings

from clawsite.core.zones import is_time_zone
from runbooks.models import Schedule

FIELDS = 5
LEAST_SECONDS = 1
MAX_SECONDS = 366 * 86_400
FIRST_YEAR, LAST_YEAR = 1970, 2100
PREVIEW = 5


class BadTimes(ValueError):
    """The times of a schedule make no sense; `field` is where, the text says why."""

    def __init__(self, field: str, text: str) -> None:
        super().__init__(text)
        self.field = field


def next_due(row: Schedule, *, after: datetime) -> datetime | None:
    """Return the first due time after a moment, None when there is none any more; BadTimes when that cannot be told."""
    if row.when == Schedule.When.AT:
        at = _need_at(row)
        return at if at > after else None
    if row.when == Schedule.When.EVERY:
        step, anchor = _need_step(row)
        if row.at is not None and anchor > after:
            return anchor
        return anchor + step * (math.floor((after - anchor) / step) + 1)
    return _first_after(_simulate(row, after), after)


def latest_due(row: Schedule, *, since: datetime, now: datetime) -> datetime:
    """Return the last due time up to now; `since` is one that is known to be due."""
    if row.when == Schedule.When.AT:
        return since
    if row.when == Schedule.When.EVERY:
        step, anchor = _need_step(row)
        return max(since, anchor + step * math.floor((now - anchor) / step))
    found = next(_simulate(row, now + timedelta(seconds=1), reverse=True), since).astimezone(UTC)
    latest = max(since, found)
    while (following := next_due(row, after=latest)) is not None and following <= now:
        latest = following  # looking back from the second of two equal hours misses the first
    return latest


def preview(row: Schedule, *, after: datetime, count: int = PREVIEW) -> list[datetime]:
    """Return the next due times, in the schedule's own zone."""
    found: list[datetime] = []
    moment: datetime | None = after
    while moment is not None and len(found) < count:
        moment = next_due(row, after=moment)
        if moment is not None:
            found.append(moment.astimezone(zone_of(row)))
    return found


def explain(row: Schedule) -> str:
    """Return in words when it is due, in English; BadTimes when that cannot be told."""
    if row.when == Schedule.When.AT:
        return f"Once, at {_need_at(row).astimezone(zone_of(row)):%Y-%m-%d %H:%M:%S} ({zone_of(row).key})"
    if row.when == Schedule.When.EVERY:
        return f"Every {_say_seconds(int(_need_step(row)[0].total_seconds()))}"
    return f"{_parse(row).explain()} ({zone_of(row).key})"


def zone_of(row: Schedule) -> ZoneInfo:
    """Return the zone whose clock counts; BadTimes when there is no such zone."""
    name = row.time_zone or settings.TIME_ZONE
    if not is_time_zone(name):
        raise BadTimes("time_zone", "There is no such time zone. Use a name such as America/Sao_Paulo or UTC.")
    return ZoneInfo(name)


def _parse(row: Schedule, moment: datetime | None = None, *, reverse: bool = False) -> CronSim:
    zone = zone_of(row)
    if len(row.cron.split()) != FIELDS:
        raise BadTimes("cron", "A cron expression has five fields: minute, hour, day, month and weekday.")
    try:
        return CronSim(row.cron, (moment or datetime.now(UTC)).astimezone(zone), reverse=reverse)
    except CronSimError as error:
        raise BadTimes("cron", f"The cron expression cannot be read: {str(error).lower()}.") from None


def _simulate(row: Schedule, moment: datetime, *, reverse: bool = False) -> Iterator[datetime]:
    return _parse(row, moment, reverse=reverse)


def _first_after(times: Iterator[datetime], after: datetime) -> datetime | None:
    """Return the first time that is later: within the second of two equal hours, the library begins with the first."""
    return next((found for found in (each.astimezone(UTC) for each in times) if found > after), None)


def check_at(row: Schedule) -> None:
    """Raise BadTimes for a moment that not every clock can show."""
    if row.at is not None and not FIRST_YEAR <= row.at.year < LAST_YEAR:
        raise BadTimes("at", f"Give a time between the years {FIRST_YEAR} and {LAST_YEAR}.")


def _need_at(row: Schedule) -> datetime:
    if row.at is None:
        raise BadTimes("at", "Say when it is to run.")
    check_at(row)
    return row.at.astimezone(UTC)


def _need_step(row: Schedule) -> tuple[timedelta, datetime]:
    """Return the interval and the moment from which it counts."""
    if row.every_seconds is None or not LEAST_SECONDS <= row.every_seconds <= MAX_SECONDS:
        raise BadTimes("every_seconds", f"Give an interval of {LEAST_SECONDS} to {MAX_SECONDS} seconds.")
    check_at(row)
    return timedelta(seconds=row.every_seconds), (row.at or row.created_at).astimezone(UTC)


def _say_seconds(seconds: int) -> str:
    for size, name in ((86_400, "day"), (3_600, "hour"), (60, "minute")):
        if seconds % size == 0:
            count = seconds // size
            return name if count == 1 else f"{count} {name}s"
    return "second" if seconds == 1 else f"{seconds} seconds"
