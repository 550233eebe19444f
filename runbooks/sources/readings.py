"""What each system said last, kept in rows so that a chat is answered at once.

A source is taken by moving its due time on, in one conditional update: several workers never read it twice.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from clawsite.core.errors import ClawError, Unavailable, log_unknown
from guardrails.http import Reply
from runbooks.alerts.severity import read_severity, worst_first
from runbooks.models import MonitoredSystem, SystemReading
from runbooks.sources import alertmanager, health, prometheus
from runbooks.sources.breaker import note_failure, note_refusal, note_success
from runbooks.sources.client import Asked, Question, prepare

# The topic by which the readers hear that a system was changed.
NUDGE = "systems"
SECONDS = 6.0
MOST_ALERTS, MOST_TARGETS, MOST_CHARS = 100, 20, 300


@dataclass(frozen=True, kw_only=True, slots=True)
class Reader:
    """How a source is read: the path and what else is said when asking, and what is kept of the answer."""

    path: str = ""
    asked: Asked
    read: Callable[[Reply], dict[str, Any]]


def _read_health(reply: Reply) -> dict[str, Any]:
    found = health.parse_health(reply)
    return asdict(found) | {"is_well": found.is_well}


def _read_stats(reply: Reply) -> dict[str, Any]:
    return asdict(health.parse_stats(reply))


def _read_targets(reply: Reply) -> dict[str, Any]:
    """Keep which of its targets Prometheus cannot reach."""
    down = prometheus.parse_samples(reply)
    names = [f"{each.labels.get('job', '')} {each.labels.get('instance', '')}"[:MOST_CHARS] for each in down]
    return {"down": len(down), "targets": sorted(names)[:MOST_TARGETS]}


def _read_alerts(reply: Reply) -> dict[str, Any]:
    """Keep the alerts; one of severity `none` is a sign of life of the alerting itself, and nothing is wrong."""
    alerts = [alert for alert in alertmanager.parse_alerts(reply) if alert.severity != "none"]
    active = [alert for alert in alerts if alert.status.state != "suppressed"]
    first = sorted(alerts, key=_order)[:MOST_ALERTS]
    return {"active": len(active), "suppressed": len(alerts) - len(active), "alerts": [_keep(each) for each in first]}


def _order(alert: alertmanager.ListedAlert) -> tuple[bool, int]:
    """What is cut off where there are very many is neither active nor bad; of equal ones the newest go."""
    return alert.status.state == "suppressed", worst_first(read_severity(alert.severity))


def _keep(alert: alertmanager.ListedAlert) -> dict[str, Any]:
    text = alert.annotations.get("description") or alert.annotations.get("summary", "")
    return {
        "name": alert.name[:MOST_CHARS],
        "severity": alert.severity[:MOST_CHARS],
        "text": text[:MOST_CHARS],
        "starts_at": alert.starts_at.isoformat(),
        "suppressed": alert.status.state == "suppressed",
    }


READERS = {
    "health": Reader(asked={"is_answer": health.tells_health}, read=_read_health),
    "stats": Reader(asked={}, read=_read_stats),
    "prometheus": Reader(path=prometheus.QUERY, asked={"form": {"query": "up == 0"}}, read=_read_targets),
    "alertmanager": Reader(path=alertmanager.ALERTS, asked={}, read=_read_alerts),
}


# Who else wants to hear what a source answered, when it was of use: (system, answer, now).
Hear = Callable[[MonitoredSystem, Reply, datetime], None]
_hearers: dict[str, list[Hear]] = {source: [] for source in READERS}


def register_hearer(source: str, hear: Hear) -> None:
    """Have every answer of a source handed on, after it was stored; what is heard must not fail the reading."""
    if hear not in _hearers[source]:
        _hearers[source].append(hear)


@dataclass(frozen=True, kw_only=True, slots=True)
class Due:
    """A source that is to be read now, since `at`."""

    system: MonitoredSystem
    source: str
    question: Question
    at: datetime


def take_due(*, now: datetime | None = None) -> list[Due]:
    """Take what is due of all enabled systems. What the breaker holds back is passed over."""
    now = now or timezone.now()
    found = []
    for system in MonitoredSystem.objects.filter(enabled=True).prefetch_related("readings"):
        known = {row.source: row for row in system.readings.all()}
        for source in READERS:
            if getattr(system, f"{source}_url") and _take(system, source, known.get(source), now):
                due = _prepare(system, source, now)
                found += [due] if due else []
    return found


def _take(system: MonitoredSystem, source: str, row: SystemReading | None, now: datetime) -> bool:
    if row is None:
        row, _ = SystemReading.objects.get_or_create(system=system, source=source, defaults={"due_at": now})
    if row.due_at > now:
        return False
    later = now + timedelta(seconds=settings.CLAW_SYSTEMS_SECONDS)
    return bool(SystemReading.objects.filter(pk=row.pk, due_at=row.due_at).update(due_at=later))


def _prepare(system: MonitoredSystem, source: str, now: datetime) -> Due | None:
    reader = READERS[source]
    try:
        question = prepare(system, source, reader.path, **reader.asked | Asked(seconds=SECONDS))
    except Unavailable:
        return None  # the breaker is open, and the row says why
    except ClawError as error:
        note_refusal(system, source, error.message, now=now)
        return None
    return Due(system=system, source=source, question=question, at=now)


def store(due: Due, answer: Reply | ClawError, *, now: datetime | None = None) -> None:
    """Keep what a source said, or why it said nothing of use. A system that was removed meanwhile is no error."""
    moment = now or timezone.now()
    if not _store(due, answer, now=moment) or isinstance(answer, ClawError):
        return
    for hear in _hearers[due.source]:
        try:
            hear(due.system, answer, moment)
        except Exception as error:
            log_unknown(error, where=f"what {due.source} of {due.system.name} said")


@transaction.atomic
def _store(due: Due, answer: Reply | ClawError, *, now: datetime) -> bool:
    """Write it down; return whether it was an answer of use."""
    if not MonitoredSystem.objects.filter(pk=due.system.pk).exists():
        return False
    try:
        if isinstance(answer, ClawError):
            raise answer
        data = READERS[due.source].read(answer)
    except Unavailable as error:
        wait = error.retry_after
        note_failure(due.system, due.source, error.message, retry_after=wait, now=now, began=due.at)
    except ClawError as error:
        note_refusal(due.system, due.source, error.message, now=now)
    else:
        note_success(due.system, due.source)
        SystemReading.objects.filter(system=due.system, source=due.source).update(data=data, read_at=now)
        return True
    return False


def read_soon(system: MonitoredSystem) -> None:
    """Forget what was read of a system whose addresses or credentials are others now; it is read anew at once."""
    SystemReading.objects.filter(system=system).delete()
