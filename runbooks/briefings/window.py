"""The time that a briefing tells of."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta


@dataclass(frozen=True, kw_only=True, slots=True)
class Window:
    """From `start`, which is a whole minute, up to but without `end`."""

    start: datetime
    end: datetime

    @classmethod
    def until(cls, moment: datetime, *, hours: int, exact: bool = False) -> Window:
        """Return the hours up to the beginning of a minute: real hours, also on days on which the clock changes.

        So shifts that follow each other share no moment and miss none. `exact` adds the seconds since then, for who
        asks in between and wants to know of what has just begun.
        """
        whole = _floor(moment.astimezone(UTC))  # hours are added in UTC
        return cls(start=whole - timedelta(hours=hours), end=moment.astimezone(UTC) if exact else whole)

    @property
    def last_minute(self) -> datetime:
        """The end, or the beginning of the minute in which it lies."""
        return _floor(self.end)

    @property
    def seconds(self) -> float:
        """How long it is, in whole minutes."""
        return (self.last_minute - self.start).total_seconds()


def _floor(moment: datetime) -> datetime:
    return moment.replace(second=0, microsecond=0)
