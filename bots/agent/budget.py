"""Money of the day: what all turns finished today cost, in one indexed query that is kept for 15 s.

Costs of calls made by this process since the last look are added at once, so that a burst cannot hide behind
the cache.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import datetime
from datetime import time as clock_time

from django.db.models import Sum
from django.utils import timezone

from bots.agent.prices import count_usage
from bots.agent.provider import Tokens
from bots.agent.types import Usage
from clawsite.core.db import run_db
from clawsite.core.metrics import MODEL_COST, MODEL_TOKENS
from sessions_app.models import Turn

KEEP_SECONDS = 15.0


@dataclass(slots=True)
class _Kept:
    until: float = 0.0
    total: float = 0.0
    since: float = 0.0


_kept = _Kept()


def sum_today() -> float:
    """Return the dollars of all turns finished since midnight (TIME_ZONE)."""
    midnight = timezone.make_aware(datetime.combine(timezone.localdate(), clock_time.min))
    total = Turn.objects.filter(finished_at__gte=midnight).aggregate(total=Sum("cost_usd"))["total"]
    return float(total or 0)


async def spent_today() -> float:
    """Return what the day cost so far, at most 15 s old for other processes' turns."""
    if time.monotonic() >= _kept.until:
        total = await run_db(sum_today)
        _kept.total, _kept.since = total, 0.0
        _kept.until = time.monotonic() + KEEP_SECONDS
    return _kept.total + _kept.since


def spend(model: str, tokens: Tokens) -> Usage:
    """Count one model call of this process, whatever became of it, and return what it cost."""
    usage = count_usage(model, tokens)
    _kept.since += usage.cost_usd
    for kind, count in (("input", usage.input), ("output", usage.output), ("cached", usage.cached)):
        MODEL_TOKENS.labels(model, kind).inc(count)
    MODEL_COST.labels(model).inc(usage.cost_usd)
    return usage


def forget_costs() -> None:
    """Look anew at the next question."""
    _kept.until = 0.0
