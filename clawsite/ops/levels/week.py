"""The last week in tallies: each minute that is over is counted once, so a look costs no more as messages come in.

The worker writes tallies down with the minutes of the dashboard (`clawsite.ops.minutes`). What nobody wrote is counted
from the rows: by the minute as far back as the windows of burn rates go, by the hour before that.
"""

from __future__ import annotations

import threading
from collections import defaultdict, deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby, takewhile

from clawsite.models import Minute
from clawsite.ops.levels.counting import SAMPLE, Overhead, Span, Tallies, count, overheads
from sessions_app.models import Inbox

WINDOW = timedelta(days=7)
# The longest window that is looked at by the minute.
FINE_WINDOW = timedelta(hours=6)
STEP, HOUR = timedelta(minutes=1), timedelta(hours=1)
# What ended in a minute is committed by then.
SETTLE = timedelta(seconds=10)


@dataclass(frozen=True, kw_only=True, slots=True)
class Reading:
    """What a week was like until now: tallies by the hour, the last six hours by the minute, and what is not over."""

    hours: Mapping[datetime, Tallies]
    minutes: Mapping[datetime, Tallies]
    live: Tallies
    overheads: Sequence[Overhead]

    def count(self, since: datetime) -> Tallies:
        """Return what there was since a moment: from the beginning of its minute, or its hour where it is long ago."""
        is_fine = since >= min(self.minutes, default=since)
        parts, first = (self.minutes, _minute(since)) if is_fine else (self.hours, _hour(since))
        return sum((part for at, part in parts.items() if at >= first), self.live)

    def overheads_ms(self, since: datetime) -> list[float]:
        """Return the newest overheads since a moment in milliseconds, sorted."""
        return sorted(each.ms for each in takewhile(lambda each: each.at >= since, reversed(self.overheads)))


class Week:
    """What a process has counted. One for all its threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.forget()

    def forget(self) -> None:
        """Begin anew."""
        self._until: datetime | None = None
        self._hours: dict[datetime, Tallies] = defaultdict(Tallies)
        self._minutes: dict[datetime, Tallies] = defaultdict(Tallies)
        self._overheads: deque[Overhead] = deque(maxlen=SAMPLE)

    def read(self, now: datetime) -> Reading:
        """Count the minutes that are over since the last look, and what is not over yet."""
        end = _minute(now - SETTLE)
        with self._lock:
            if self._until is not None and end < self._until - STEP:
                self.forget()  # a clock was set back
            # Another thread may have looked a moment later than this one, and come first.
            end = max(end, self._until or end)
            begin = self._until or _begin(end)
            if begin < end:
                self._add(Span(begin, end))
            span = Span(end)
            live = overheads(span)
            return Reading(
                hours=dict(self._hours),
                minutes=dict(self._minutes),
                live=count(span, live),
                overheads=[*self._overheads, *live][-SAMPLE:],
            )

    def _add(self, span: Span) -> None:
        fine = _fine(span)
        tallies, found = _read(span), overheads(span)  # an error of the database leaves all as it is
        for at, each in tallies.items():
            self._hours[_hour(at)] += each
            if at >= fine:
                self._minutes[at] += each
        self._overheads.extend(found)
        self._until = span.until
        for kept, first in ((self._hours, _hour(fine + FINE_WINDOW - WINDOW)), (self._minutes, fine)):
            for at in [at for at in kept if at < first]:
                del kept[at]


WEEK = Week()


def _begin(end: datetime) -> datetime:
    """Return the hour of a week ago, or that of the first message if it is younger."""
    first = Inbox.objects.order_by("received_at").values_list("received_at", flat=True).first()
    return min(end, max(_hour(end - WINDOW), _hour(first))) if first else end


def _read(span: Span) -> dict[datetime, Tallies]:
    written = Minute.objects.filter(**span.of("at"), data__has_key="levels").values_list("at", "data__levels")
    tallies = {at: Tallies.unpack(packed) for at, packed in written.iterator()}
    for gap in _gaps(span, tallies):
        tallies[gap.since] = count(gap, overheads(gap))
    return tallies


def _gaps(span: Span, written: Mapping[datetime, Tallies]) -> Iterator[Span]:
    """Yield what nobody wrote: minutes, or where it is long ago whole runs of them within an hour."""
    fine = _fine(span)
    missing = [at for at in _minutes(span) if at not in written]

    def run_of(place: tuple[int, datetime]) -> tuple[datetime, datetime]:
        number, at = place
        return (at, at) if at >= fine else (_hour(at), at - number * STEP)

    for _run, places in groupby(enumerate(missing), run_of):
        moments = [at for _number, at in places]
        yield Span(moments[0], moments[-1] + STEP)


def _minutes(span: Span) -> Iterator[datetime]:
    at = span.since
    while span.until is not None and at < span.until:
        yield at
        at += STEP


def _fine(span: Span) -> datetime:
    """Return from when on minutes are kept."""
    return (span.until or span.since) - FINE_WINDOW - STEP


def _minute(at: datetime) -> datetime:
    return at.replace(second=0, microsecond=0)


def _hour(at: datetime) -> datetime:
    return at.replace(minute=0, second=0, microsecond=0)
