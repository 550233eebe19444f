"""Money of the day: what all turns finished today and all work on projects cost, in indexed queries kept for 15 s.

Turns that wait for a decision count as they stand. Turns that are long over are summed once, so that the question costs
the same all day.
What this process spends is added at once, before it is in a row, so that a burst cannot hide behind the cache.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from datetime import time as clock_time
from decimal import Decimal

from django.db.models import F, QuerySet, Sum
from django.utils import timezone

from bots.agent.prices import count_usage
from bots.agent.provider import Tokens
from bots.agent.types import Usage
from clawsite.core.db import run_db
from clawsite.core.metrics import MODEL_COST, MODEL_TOKENS
from runbooks.models import CodeRun
from sessions_app.models import Turn
from sessions_app.turns import open_turns

KEEP_SECONDS = 15.0
WRITE_SECONDS = 5.0
METERS_MAX = 256
# A turn that ended so long ago is in its row for certain.
SETTLE = timedelta(minutes=5)


@dataclass(kw_only=True, slots=True, eq=False)
class Meter:
    """What one run of this process spent. It counts beside the rows until it is in them."""

    usd: float = 0.0
    closed_at: float | None = None

    def close(self) -> None:
        """The run is over; its row is written any moment."""
        self.closed_at = time.monotonic()


@dataclass(slots=True)
class _Kept:
    until: float = 0.0
    total: float = 0.0
    meters: set[Meter] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class _Summed:
    """What turns cost that ended from `midnight` until a moment."""

    midnight: datetime
    until: datetime
    usd: Decimal = Decimal(0)


_kept = _Kept()
_summed: _Summed | None = None


def open_meter() -> Meter:
    """Return a meter for a run that begins; its owner closes it."""
    if len(_kept.meters) > METERS_MAX:
        _forget_closed(time.monotonic() - KEEP_SECONDS - WRITE_SECONDS)
    meter = Meter()
    _kept.meters.add(meter)
    return meter


def _forget_closed(before: float) -> None:
    _kept.meters = {m for m in _kept.meters if m.closed_at is None or m.closed_at > before}


def sum_today() -> float:
    """Return the dollars of all turns finished since midnight (TIME_ZONE), and of all work that cost some since.

    And of those that are not over, so that what waits for a decision is not free until somebody makes it.
    """
    global _summed
    midnight = _midnight()
    settled = max(midnight, timezone.now() - SETTLE)
    so_far = _summed
    if so_far is None or so_far.midnight != midnight or so_far.until > settled:
        so_far = _Summed(midnight, midnight)
    ended = Turn.objects.filter(finished_at__gte=so_far.until, finished_at__lt=settled)
    _summed = _Summed(midnight, settled, so_far.usd + _sum(ended))
    recent = _sum(Turn.objects.filter(finished_at__gte=settled)) + _sum(open_turns().filter(finished_at=None))
    return float(_summed.usd + recent) + sum_code_today()


def sum_code_today(subject: str = "") -> float:
    """Return the dollars of the work on projects that cost something since midnight: a person's, or everybody's."""
    rows = CodeRun.objects.filter(spent_at__gte=_midnight(), **({"requested_by": subject} if subject else {}))
    return float(rows.aggregate(total=Sum("cost_usd"))["total"] or 0)


def _sum(turns: QuerySet[Turn]) -> Decimal:
    total: Decimal = turns.aggregate(total=Sum("cost_usd", default=Decimal(0)))["total"]
    return total


def _midnight() -> datetime:
    return timezone.make_aware(datetime.combine(timezone.localdate(), clock_time.min))


async def spent_today() -> float:
    """Return what the day cost so far, at most 15 s old for other processes' turns."""
    now = time.monotonic()
    if now >= _kept.until:
        _kept.total = await run_db(sum_today)
        _kept.until = now + KEEP_SECONDS
        _forget_closed(now - WRITE_SECONDS)
    return _kept.total + sum(meter.usd for meter in _kept.meters)


def spend(model: str, tokens: Tokens, *, meter: Meter) -> Usage:
    """Count one model call of this process, whatever became of it, and return what it cost."""
    usage = count_usage(model, tokens)
    meter.usd += usage.cost_usd
    for kind, count in (("input", usage.input), ("output", usage.output), ("cached", usage.cached)):
        MODEL_TOKENS.labels(model, kind).inc(count)
    MODEL_COST.labels(model).inc(usage.cost_usd)
    return usage


def add_to_turn(turn_id: int, usage: Usage) -> None:
    """Count to a turn what was spent for it beside what its end tells. In the caller's transaction."""
    Turn.objects.filter(pk=turn_id).update(
        input_tokens=F("input_tokens") + usage.input,
        output_tokens=F("output_tokens") + usage.output,
        cached_tokens=F("cached_tokens") + usage.cached,
        cost_usd=F("cost_usd") + Decimal(str(round(usage.cost_usd, 6))),
    )


def forget_costs() -> None:
    """Look anew at the next question."""
    global _summed
    _kept.until, _summed = 0.0, None
    _kept.meters.clear()
