"""What came and was answered since midnight. What is over is counted once, so a look costs the same all day."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal

from django.db.models import Count, Q, Sum

from clawsite.ops.levels.counting import Span
from clawsite.ops.levels.week import SETTLE
from sessions_app.models import Inbox, Turn


@dataclass(frozen=True, slots=True)
class Day:
    """Numbers of a day until now. `usd` is what the model was paid, `tokens` what it read and wrote."""

    messages: int = 0
    answers: int = 0
    usd: Decimal = Decimal(0)
    tokens: int = 0

    def __add__(self, other: Day) -> Day:
        return Day(
            self.messages + other.messages,
            self.answers + other.answers,
            self.usd + other.usd,
            self.tokens + other.tokens,
        )


class Today:
    """What this process has counted of the day. Its caller lets one thread at a time look."""

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """Begin anew."""
        self._counted = Day()
        self._midnight: datetime | None = None
        self._until: datetime | None = None

    def read(self, now: datetime) -> Day:
        """Count what came since the last look; `now` is in the zone whose midnight counts.

        Moments are reckoned in UTC: in a zone, ten seconds before the end of a skipped hour are an hour later.
        """
        midnight = now.replace(hour=0, minute=0, second=0, microsecond=0).astimezone(UTC)
        end = max(midnight, now.astimezone(UTC) - SETTLE)
        if self._midnight != midnight or self._until is None or end < self._until:
            self._counted, self._midnight, self._until = Day(), midnight, midnight
        found = _count(Span(self._until, end))
        self._counted, self._until = self._counted + found, end
        return self._counted + _count(Span(end))


TODAY = Today()


def _count(span: Span) -> Day:
    turns = Turn.objects.filter(**span.of("finished_at"))
    total = turns.aggregate(
        answers=Count("pk", filter=Q(outcome="answer")),
        usd=Sum("cost_usd", default=Decimal(0)),
        read=Sum("input_tokens", default=0),
        written=Sum("output_tokens", default=0),
    )
    messages = Inbox.objects.filter(**span.of("received_at")).count()
    return Day(messages, total["answers"], total["usd"], total["read"] + total["written"])
