"""How much waits in each queue, and how long the oldest has."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from django.db.models import Count, Min, QuerySet
from prometheus_client.metrics_core import Metric

from clawsite.core.metrics import declare
from clawsite.core.queue import count_waiting
from clawsite.web.report.ages import age
from runbooks.models import AlertWebhook, Job
from sessions_app.models import Inbox, Outbox
from sessions_app.outbox import IS_OPEN

ROWS = declare("claw_queue_rows", "Rows by queue and state.", "queue", "state")
OLDEST = declare("claw_queue_oldest_seconds", "Age of what waits longest.", "queue")
OPEN_JOBS = declare("claw_open_jobs", "Jobs that are not over, by state.", "state")
OLDEST_JOB = declare("claw_job_oldest_seconds", "How long the job that is due longest has waited.")

_OPEN_STATES = (Job.State.QUEUED, Job.State.RUNNING, Job.State.WAITING_APPROVAL)


def read_queues(now: datetime) -> dict[str, Any]:
    """Return how much waits in each queue, and how long the oldest has."""
    to_answer = Inbox.objects.filter(state=Inbox.State.NEW).aggregate(rows=Count("pk"), since=Min("received_at"))
    to_send = Outbox.objects.filter(IS_OPEN).aggregate(rows=Count("pk"), since=Min("created_at"))
    return {
        "inbox": _depths(to_answer, Inbox.objects.filter(state=Inbox.State.DEAD), now),
        "outbox": _depths(to_send, Outbox.objects.filter(state=Outbox.State.DEAD), now),
        "worker": {"waiting": count_waiting()},
        "jobs": _jobs(now),
        "alerts": _alerts(now),
    }


def _depths(waiting: dict[str, Any], dead: QuerySet[Any], now: datetime) -> dict[str, Any]:
    """Return how many rows wait and how many were given up, and the age of the oldest one that still waits."""
    since = waiting["since"]
    return {"new": waiting["rows"], "dead": dead.count(), "oldest_age": age(since, now) if since else 0}


def _jobs(now: datetime) -> dict[str, Any]:
    """Return how many jobs are open by state, and for how long the one that is due longest has waited."""
    counted = Job.objects.filter(state__in=_OPEN_STATES).values("state").annotate(rows=Count("pk")).order_by()
    found = {row["state"]: row["rows"] for row in counted}
    due = Job.objects.filter(state=Job.State.QUEUED, not_before__lte=now).aggregate(since=Min("not_before"))["since"]
    return {str(state): found.get(state, 0) for state in _OPEN_STATES} | {"oldest_age": age(due, now) if due else 0}


def _alerts(now: datetime) -> dict[str, Any]:
    """Return how many deliveries of alerts wait for the worker. Those given up are in the admin pages."""
    rows = AlertWebhook.objects.filter(state=AlertWebhook.State.NEW)
    found = rows.aggregate(count=Count("pk"), since=Min("received_at"))
    return {"new": found["count"], "oldest_age": age(found["since"], now) if found["since"] else 0}


def queue_gauges(report: dict[str, Any]) -> Iterator[Metric]:
    """Yield what a scrape shows of the queues and of open jobs."""
    queues = report.get("queues")
    if queues is None:
        return
    waiting = [(name, state, queues[name][state]) for name in ("inbox", "outbox") for state in ("new", "dead")]
    waiting += [("alerts", "new", queues["alerts"]["new"]), ("worker", "new", queues["worker"]["waiting"])]
    yield ROWS.show(((name, state), count) for name, state, count in waiting)
    yield OLDEST.show(((name,), queues[name]["oldest_age"]) for name in ("inbox", "outbox", "alerts"))
    yield OPEN_JOBS.show(((str(state),), queues["jobs"][state]) for state in _OPEN_STATES)
    yield OLDEST_JOB.one(queues["jobs"]["oldest_age"])
