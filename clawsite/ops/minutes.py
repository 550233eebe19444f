"""One row for each minute: what the dashboard draws. A few looks by index into what happened in that minute.

A minute is written once, a little after its end; minutes that nobody wrote (all workers were down) are caught up from
the rows for an hour back, without what can only be seen at its time, such as the depth of a queue.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone

from clawsite.core.models import Process
from clawsite.models import Minute
from clawsite.ops.levels.counting import Span, count, overheads
from clawsite.ops.levels.week import SETTLE
from clawsite.web.report import take_report
from runbooks.models import AlertGroup, Job
from sessions_app.models import Inbox, Outbox, Turn

STEP = timedelta(minutes=1)
CATCH_UP = timedelta(hours=1)
# Turns that are looked at for the times of one minute; the others are counted.
SAMPLE = 2000
FAILED = ("unavailable", "not_configured")
STAGES = ("input", "prompt", "agent", "output")


def record_minutes() -> int:
    """Write the minutes that are over and not written yet; return how many. Safe to run twice, also at once."""
    now = timezone.now()
    Minute.objects.filter(at__gt=now).delete()  # a clock went ahead: until it is there again none would be missing
    missing = _missing(now)
    found = [Minute(at=at, data=_read_minute(at, is_newest=at == missing[-1])) for at in missing]
    Minute.objects.bulk_create(found, ignore_conflicts=True)
    return len(found)


def _missing(now: datetime) -> list[datetime]:
    end = (now - SETTLE).replace(second=0, microsecond=0)
    newest = Minute.objects.order_by("-at").values_list("at", flat=True).first()
    begin = end - CATCH_UP if newest is None else max(newest + STEP, end - CATCH_UP)
    return [begin + number * STEP for number in range(max(0, (end - begin) // STEP))]


def _read_minute(at: datetime, *, is_newest: bool) -> dict[str, Any]:
    span = (at, at + STEP)
    data = {
        "in": Inbox.objects.filter(received_at__gte=span[0], received_at__lt=span[1]).count(),
        "out": Outbox.objects.filter(created_at__gte=span[0], created_at__lt=span[1]).count(),
        **_read_turns(span),
        **_read_jobs(span),
        "starts": _read_starts(span),
        "levels": _read_levels(span),
    }
    return data | (_look_now() if is_newest else {})


def _read_turns(span: tuple[datetime, datetime]) -> dict[str, Any]:
    """Return outcomes, tokens, cost, and the times that nineteen of twenty turns stayed below, in milliseconds."""
    rows = Turn.objects.filter(finished_at__gte=span[0], finished_at__lt=span[1])
    names = ("outcome", "stages", "input_tokens", "output_tokens", "cached_tokens", "cost_usd", "started_at")
    total: Counter[str] = Counter()
    cost, times = 0.0, defaultdict(list)
    for row in rows.values(*names, "inbox__received_at").iterator():
        total["failures" if row["outcome"] in FAILED else "answers"] += 1
        for kind in ("input", "output", "cached"):
            total[f"tokens_{kind}"] += row[f"{kind}_tokens"]
        cost += float(row["cost_usd"])
        if total["answers"] + total["failures"] <= SAMPLE:
            waited = (row["started_at"] - row["inbox__received_at"]).total_seconds() * 1000
            times["wait"].append(max(0.0, waited))
            for stage in STAGES:
                if stage in row["stages"]:
                    times[stage].append(row["stages"][stage])
    counted = {key: total[key] for key in ("answers", "failures", "tokens_input", "tokens_output", "tokens_cached")}
    return counted | {"cost": round(cost, 6)} | {f"p95_{key}": p95(values) for key, values in times.items()}


def _read_jobs(span: tuple[datetime, datetime]) -> dict[str, int]:
    ended = Job.objects.filter(ended_at__gte=span[0], ended_at__lt=span[1]).values_list("state", flat=True)
    states = Counter(ended)
    failed = states[Job.State.FAILED] + states[Job.State.TIMED_OUT]
    return {"jobs_done": sum(states.values()) - failed, "jobs_failed": failed}


def _read_starts(span: tuple[datetime, datetime]) -> dict[str, int]:
    """Return how many processes of each role and machine began, of those that have lived to the end of the minute."""
    began = Process.objects.filter(started_at__gte=span[0], started_at__lt=span[1]).exclude(role="job")
    return dict(Counter(f"{role} {host}" for role, host in began.values_list("role", "host")))


def _read_levels(span: tuple[datetime, datetime]) -> dict[str, list[int]]:
    """Return what the service levels need of a minute, which they would look up otherwise."""
    whole = Span(*span)
    return count(whole, overheads(whole)).pack()


def _look_now() -> dict[str, Any]:
    """Return what is seen only at its time."""
    report = take_report()
    queues = report["queues"]
    open_jobs = queues["jobs"]
    return {
        "queue_inbox": queues["inbox"]["new"],
        "queue_outbox": queues["outbox"]["new"],
        "queue_alerts": queues["alerts"]["new"],
        "queue_jobs": open_jobs["queued"],
        "jobs_running": open_jobs["running"],
        "firing": AlertGroup.objects.filter(state=AlertGroup.State.FIRING).count(),
        **{f"memory_{role}": size for role, size in report["memory"].items()},
        "connections": sum(_connections(report["processes"])),
    }


def _connections(processes: Iterable[dict[str, Any]]) -> list[int]:
    return [int(process.get("sockets", 0)) for process in processes]


def p95(values: Sequence[float]) -> float:
    """Return the value that nineteen of twenty do not exceed; at least one is needed."""
    ordered = sorted(values)
    return float(round(ordered[max(0, -(-len(ordered) * 95 // 100) - 1)], 1))
