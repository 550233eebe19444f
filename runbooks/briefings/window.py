"""The time that a briefing tells of."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta


@dataclass(frozen=True, kw_only=True, slots=True)
class Window:
    """From `start` up to `end`, which is a whole minute."""

    start: datetime
    end: datetime

    @classmethod
    def until(cls, moment: datetime, *, hours: int) -> Window:
        """Return the hours up to the beginning of a minute: real hours, also on days on which the clock changes."""
        end = moment.astimezone(UTC).replace(second=0, microsecond=0)  # hours are added in UTC
        return cls(start=end - timedelta(hours=hours), end=end)

    @property
    def seconds(self) -> float:
        """How long it is."""
        return (self.end - self.start).total_seconds()
