"""What /health and /metrics tell of the whole system: processes, channels, queues. A few indexed queries."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

import psutil
from django.db.models import Count, Min, QuerySet
from django.utils import timezone
from prometheus_client.core import GaugeMetricFamily, Metric

from clawsite.core.models import Process
from clawsite.core.process import host_name
from clawsite.core.queue import count_waiting
from runbooks.models import AlertWebhook, Job, SystemReading
from sessions_app.models import Channel, Inbox, Outbox, Session, Turn

ACTIVE = timedelta(minutes=5)


def take_report() -> dict[str, Any]:
    """Return everything an operator wants to see at one glance, as JSON."""
    now = timezone.now()
    processes = [_process(row, now) for row in Process.objects.exclude(role="job").order_by("role", "pk")]
    memory: dict[str, int] = {}
    for process in processes:
        memory[process["role"]] = memory.get(process["role"], 0) + process["memory"]
    return {
        "processes": processes,
        "memory": memory,
        "sessions": {
            "all": Session.objects.count(),
            "active": Session.objects.filter(active_at__gte=now - ACTIVE).count(),
        },
        "channels": [_channel(row, now) for row in Channel.objects.order_by("pk")],
        "queues": read_queues(now),
        "sources": [_source(row, now) for row in _readings()],
        "last_command": _last_command(),
    }


def _process(row: Process, now: datetime) -> dict[str, Any]:
    return {
        "role": row.role,
        "host": row.host,
        "pid": row.pid,
        "beat_age": _age(row.beat_at, now),
        "uptime": _age(row.started_at, now),
        "memory": _memory(row),
        **{key: value for key, value in row.data.items() if key in ("lag_ms", "sockets", "gateway", "silent")},
    }


def _memory(row: Process) -> int:
    """Return the bytes of a process and its children: proportional (PSS) here, as last told elsewhere."""
    told = int(row.data.get("rss", 0)) + int(row.data.get("children_rss", 0))
    if row.host != host_name():
        return told
    total = 0
    with suppress(psutil.Error):
        family = psutil.Process(row.pid)
        for process in [family, *family.children(recursive=True)]:
            with suppress(psutil.Error):
                full = process.memory_full_info()
                total += getattr(full, "pss", full.rss)
    return total or told


def _channel(row: Channel, now: datetime) -> dict[str, Any]:
    return {
        "name": row.name,
        "kind": row.kind,
        "enabled": row.enabled,
        "poll_age": None if row.last_poll_at is None else _age(row.last_poll_at, now),
        "last_error": row.last_error,
        "blocked": row.blocked_until is not None and row.blocked_until > now,
    }


def read_queues(now: datetime) -> dict[str, Any]:
    """Return how much waits in each queue, and how long the oldest has."""
    inbox = Inbox.objects.filter(state__in=[Inbox.State.NEW, Inbox.State.DEAD])
    outbox = Outbox.objects.filter(state__in=[Outbox.State.NEW, Outbox.State.SENDING, Outbox.State.DEAD])
    return {
        "inbox": _depths(inbox.values("state").annotate(rows=Count("pk"), since=Min("received_at")), now),
        "outbox": _depths(outbox.values("state").annotate(rows=Count("pk"), since=Min("created_at")), now),
        "worker": {"waiting": count_waiting()},
        "jobs": _jobs(now),
        "alerts": _alerts(now),
    }


def _alerts(now: datetime) -> dict[str, Any]:
    """Return how many deliveries of alerts wait for the worker. Those given up are in the admin pages."""
    rows = AlertWebhook.objects.filter(state=AlertWebhook.State.NEW)
    found = rows.aggregate(count=Count("pk"), since=Min("received_at"))
    return {"new": found["count"], "oldest_age": _age(found["since"], now) if found["since"] else 0}


def _jobs(now: datetime) -> dict[str, Any]:
    """Return how many jobs are open by state, and for how long the one that is due longest has waited."""
    open_states = [Job.State.QUEUED, Job.State.RUNNING, Job.State.WAITING_APPROVAL]
    counted = Job.objects.filter(state__in=open_states).values("state").annotate(rows=Count("pk")).order_by()
    found = {row["state"]: row["rows"] for row in counted}
    due = Job.objects.filter(state=Job.State.QUEUED, not_before__lte=now).aggregate(since=Min("not_before"))["since"]
    return {str(state): found.get(state, 0) for state in open_states} | {"oldest_age": _age(due, now) if due else 0}


def _readings() -> QuerySet[SystemReading]:
    """Return how asking the monitored systems goes."""
    rows = SystemReading.objects.filter(system__enabled=True).select_related("system")
    return rows.defer("data", "system__credentials").order_by("system__name", "source")


def _source(row: SystemReading, now: datetime) -> dict[str, Any]:
    """Return one source of a system; `is_open` says that its breaker leaves it alone."""
    return {
        "system": row.system.name,
        "source": row.source,
        "failing": None if row.failing_since is None else _age(row.failing_since, now),
        "is_open": row.open_until is not None and row.open_until > now,
        "read_age": None if row.read_at is None else _age(row.read_at, now),
    }


def _depths(rows: Any, now: datetime) -> dict[str, Any]:
    """Return the number of rows by state, and the age of the oldest one that still waits."""
    found = {row["state"]: row["rows"] for row in rows}
    oldest = [row["since"] for row in rows if row["state"] != "dead"]
    return {
        "new": found.get("new", 0) + found.get("sending", 0),
        "dead": found.get("dead", 0),
        "oldest_age": _age(min(oldest), now) if oldest else 0,
    }


def _last_command() -> str | None:
    row = Turn.objects.filter(outcome="command").order_by("-pk").values_list("finished_at", flat=True).first()
    return row.isoformat() if row else None


def _age(moment: datetime, now: datetime) -> int:
    return max(0, round((now - moment).total_seconds()))


def gauges(report: dict[str, Any]) -> Iterator[Metric]:
    """Yield the report's numbers as metrics."""
    queue = GaugeMetricFamily("claw_queue_rows", "Rows by queue and state.", labels=["queue", "state"])
    oldest = GaugeMetricFamily("claw_queue_oldest_seconds", "Age of what waits longest.", labels=["queue"])
    for name in ("inbox", "outbox"):
        depths = report.get("queues", {}).get(name)
        if depths:
            queue.add_metric([name, "new"], depths["new"])
            queue.add_metric([name, "dead"], depths["dead"])
            oldest.add_metric([name], depths["oldest_age"])
    if alerts := report.get("queues", {}).get("alerts"):
        queue.add_metric(["alerts", "new"], alerts["new"])
        oldest.add_metric(["alerts"], alerts["oldest_age"])
    yield queue
    yield oldest
    yield from _job_gauges(report.get("queues", {}).get("jobs", {}))
    yield from _source_gauges(report.get("sources", []))
    yield from _process_gauges(report.get("processes", []))


def _job_gauges(jobs: dict[str, int]) -> Iterator[Metric]:
    rows = GaugeMetricFamily("claw_open_jobs", "Jobs that are not over, by state.", labels=["state"])
    for state, count in jobs.items():
        if state != "oldest_age":
            rows.add_metric([state], count)
    yield rows
    yield GaugeMetricFamily(
        "claw_job_oldest_seconds", "How long the job that is due longest has waited.", value=jobs.get("oldest_age", 0)
    )


def _source_gauges(sources: list[dict[str, Any]]) -> Iterator[Metric]:
    labels = ["system", "source"]
    answers = GaugeMetricFamily("claw_source_up", "1 while a source of a monitored system answers.", labels=labels)
    is_open = GaugeMetricFamily("claw_source_breaker_open", "1 while a source is left alone.", labels=labels)
    for each in sources:
        names = [each["system"], each["source"]]
        answers.add_metric(names, float(each["failing"] is None))
        is_open.add_metric(names, float(each["is_open"]))
    yield from (answers, is_open)


def _process_gauges(processes: list[dict[str, Any]]) -> Iterator[Metric]:
    labels = ["role", "host", "pid"]
    age = GaugeMetricFamily("claw_beat_age_seconds", "Time since a process last beat.", labels=labels)
    memory = GaugeMetricFamily("claw_process_memory_bytes", "Memory of a process and its children.", labels=labels)
    lag = GaugeMetricFamily("claw_loop_lag_seconds", "Worst delay of the event loop lately.", labels=labels)
    callers = GaugeMetricFamily("claw_gateway_connections", "Connections of programs to the gateway.", labels=labels)
    for process in processes:
        names = [process["role"], process["host"], str(process["pid"])]
        age.add_metric(names, process["beat_age"])
        memory.add_metric(names, process["memory"])
        lag.add_metric(names, process.get("lag_ms", 0) / 1000)
        if "gateway" in process:
            callers.add_metric(names, process["gateway"])
    yield from (age, memory, lag, callers)
