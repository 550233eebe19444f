"""What went well and what did not in a span of time: three pairs of numbers, each a count over an index of that span.

The overhead of an answer is the time from the message to the answer that was not spent on the model and the tools: the
stages before the turn, and what its own two commits and its guards took. It is taken from turns that ended at their
first attempt, at most the newest of each span, because more tell nothing new.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self

from django.db.models import QuerySet

from sessions_app.models import Inbox, Turn

SAMPLE = 2000
# So many rows are held at once: all of them would be two megabytes, a few times a minute.
CHUNK = 100
OVERHEAD_MS = 500.0
_BEFORE = ("trigger", "input", "session", "prompt")
_ENDED = (Turn.State.DONE, Turn.State.FAILED)


@dataclass(frozen=True, slots=True)
class Span:
    """From a moment until another one, which is not in it; None is as far as it goes."""

    since: datetime
    until: datetime | None = None

    def of(self, column: str) -> dict[str, datetime]:
        """Return what a queryset is filtered by."""
        until = {} if self.until is None else {f"{column}__lt": self.until}
        return {f"{column}__gte": self.since} | until


@dataclass(frozen=True, kw_only=True, slots=True)
class Tally:
    """How many there were, and how many of them were not as they should be."""

    total: int = 0
    bad: int = 0

    @property
    def share(self) -> float:
        """The part that was bad, from 0 to 1."""
        return self.bad / self.total if self.total else 0.0

    def __add__(self, other: Self) -> Self:
        return type(self)(total=self.total + other.total, bad=self.bad + other.bad)


@dataclass(frozen=True, kw_only=True, slots=True)
class Tallies:
    """One for each level.

    availability: messages to the model; bad are those that were answered with an apology, or given up.
    overhead: answers; bad are those whose overhead was above the limit.
    errors: updates of any kind that were taken or given up; bad are those given up because of an error of ours.
    """

    availability: Tally = Tally()
    overhead: Tally = Tally()
    errors: Tally = Tally()

    def __add__(self, other: Self) -> Self:
        return type(self)(
            availability=self.availability + other.availability,
            overhead=self.overhead + other.overhead,
            errors=self.errors + other.errors,
        )

    def pack(self) -> dict[str, list[int]]:
        """Return them as JSON."""
        return {name: [(tally := getattr(self, name)).total, tally.bad] for name in self.__slots__}

    @classmethod
    def unpack(cls, packed: Mapping[str, Any]) -> Self:
        """Return what was packed; another version may know other levels."""
        known = {name: packed[name] for name in cls.__slots__ if name in packed}
        return cls(**{name: Tally(total=total, bad=bad) for name, (total, bad) in known.items()})


@dataclass(frozen=True, slots=True)
class Overhead:
    """What one answer took beside the model and its tools, and when it was there."""

    at: datetime
    ms: float


def count(span: Span, found: Sequence[Overhead]) -> Tallies:
    """Count what ended in a span, whose overheads are given."""
    turns = Turn.objects.filter(**span.of("finished_at"))
    dead = Inbox.objects.filter(state=Inbox.State.DEAD, **span.of("done_at")).count()
    taken = Inbox.objects.filter(**span.of("received_at")).count()
    answers = turns.filter(state__in=_ENDED).exclude(outcome__startswith="error").count()
    apologies = turns.filter(outcome="unavailable").count()
    return Tallies(
        availability=Tally(total=answers + dead, bad=apologies + dead),
        overhead=Tally(total=len(found), bad=sum(each.ms > OVERHEAD_MS for each in found)),
        # What was given up may have come in long before.
        errors=Tally(total=max(taken, dead), bad=dead),
    )


def overheads(span: Span) -> list[Overhead]:
    """Return the newest overheads of a span, the oldest of them first."""
    rows = _measured().filter(**span.of("finished_at")).order_by("-finished_at")
    taken = rows.values_list("stages", "started_at", "finished_at")[:SAMPLE].iterator(chunk_size=CHUNK)
    found = [Overhead(end, _overhead(stages, begin, end)) for stages, begin, end in taken if end and "agent" in stages]
    return found[::-1]


def _measured() -> QuerySet[Turn]:
    return Turn.objects.filter(state=Turn.State.DONE, attempt=1, agent_state={})


def _overhead(stages: dict[str, float], begin: datetime, end: datetime) -> float:
    whole = (end - begin).total_seconds() * 1000
    return max(0.0, whole - stages["agent"]) + sum(stages.get(name, 0.0) for name in _BEFORE)
