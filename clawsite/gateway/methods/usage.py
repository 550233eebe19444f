"""usage.cost, usage.status: tokens and money by day, of the turns in sessions that the caller may see."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, time, timedelta
from decimal import Decimal
from typing import Annotated, Any

import msgspec
from django.db.models import Count, Sum
from django.db.models.functions import TruncDate
from django.utils import timezone

from clawsite.gateway.access import visible_sessions
from clawsite.gateway.hot import HotAnswer
from clawsite.gateway.listing import View
from clawsite.gateway.methods.sessions import view_of
from clawsite.gateway.overview import AgentId, to_ms
from clawsite.gateway.principal import Scope
from clawsite.gateway.registry import Call, Params, method
from sessions_app.models import Turn

COUNTED = ("input", "output", "cacheRead", "cacheWrite", "totalTokens", "totalCost", "turns")


class UsageCostParams(Params):
    """days: today and those before it, in the time zone of the installation. agentId is accepted."""

    days: Annotated[int, msgspec.Meta(ge=1, le=366)] = 30
    agent_id: AgentId = None


def read_cost(view: View, days: int) -> dict[str, Any]:
    """Return one row for each day with turns, newest last, and the sums. One query over the index of days."""
    zone = timezone.get_current_timezone()
    now = timezone.now()
    first = now.astimezone(zone).date() - timedelta(days=days - 1)
    rows = Turn.objects.filter(finished_at__gte=datetime.combine(first, time.min, zone)).order_by()
    if not view.sees_all:
        rows = rows.filter(session__in=visible_sessions(view).order_by().values("pk"))
    by_day = rows.annotate(day=TruncDate("finished_at", tzinfo=zone)).values("day").order_by("day")
    daily = [_day(row) for row in by_day.annotate(
        all_input=Sum("input_tokens"), all_output=Sum("output_tokens"), all_cached=Sum("cached_tokens"),
        all_cost=Sum("cost_usd"), all_turns=Count("pk"),
    )]  # fmt: skip
    totals = {name: sum(day[name] for day in daily) for name in COUNTED}
    return {"updatedAt": to_ms(now), "days": days, "daily": daily, "totals": totals}


def _day(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a day as clients read it: `input` is what was not read from the cache."""
    cost: Decimal = row["all_cost"]
    return {
        "date": row["day"].isoformat(),
        "input": max(0, row["all_input"] - row["all_cached"]),
        "output": row["all_output"],
        "cacheRead": row["all_cached"],
        "cacheWrite": 0,
        "totalTokens": row["all_input"] + row["all_output"],
        "totalCost": round(float(cost), 6),
        "turns": row["all_turns"],
    }


_cost = HotAnswer(read_cost, seconds=15.0, stale_seconds=60.0)


@method("usage.cost", scope=Scope.READ, summary="Tokens and US dollars by day.", params=UsageCostParams)
def cost(call: Call, params: UsageCostParams) -> Any:
    """Answer from memory; the numbers are at most a minute old."""
    return _cost.get(view_of(call.principal), params.days)


@method("usage.status", scope=Scope.READ, summary="Quotas that providers report: none.")
def status(call: Call, params: Params) -> dict[str, Any]:
    """Answer in the protocol's shape. No provider we call tells its quota."""
    return {"updatedAt": to_ms(timezone.now()), "providers": []}
