"""Checks of the work: services that do not answer, queues, errors, slow answers, levels, backups, pollers."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import Min

from bots.agent.targets import SERVICE as MODEL
from bots.services import CHANNEL, POLLING, is_outside
from clawsite.core import services
from clawsite.core.models import Process, User
from clawsite.ops import backups, levels
from clawsite.ops.backups.hindrance import find_hindrance
from clawsite.ops.levels.judging import p95
from clawsite.ops.levels.week import WEEK
from clawsite.ops.selfalerts.findings import CRITICAL, WARNING, Finding
from clawsite.ops.selfalerts.machine import ALIVE
from clawsite.ops.shipping.status import LATE_SECONDS, shipped
from clawsite.web.report import read_queues
from runbooks.models import AlertWebhook
from sessions_app.models import Channel, Outbox

# Seconds that the oldest of each queue may wait.
OLDEST = {"inbox": 60, "outbox": 120, "alerts": 60, "jobs": 120}
WAITING_TASKS = 100
SPIKE = timedelta(minutes=5)
SPIKE_BAD, SPIKE_SHARE, SPIKE_DEAD = 5, 0.2, 3
# A delivery of alerts is given up at so old at most, unless nothing worked for longer.
GIVEN_UP = timedelta(minutes=20)
SLOW_WINDOW, SLOW_MS, SLOW_LEAST = timedelta(minutes=10), 2000.0, 20
STALE_SECONDS = 120
BACKUP_HOURS = 26
_VITAL = frozenset({MODEL, CHANNEL, POLLING})


def find_services(now: datetime) -> Iterator[Finding]:
    """Find outside services that do not answer."""
    for each in services.report(now):
        if each.is_failing:
            yield Finding(
                check="service",
                subject=f"{each.kind} {each.name}",
                severity=CRITICAL if each.kind in _VITAL and not each.fallback else WARNING,
                data={"kind": each.kind, "name": each.name, "error": each.error, "fallback": each.fallback},
                lasted=each.seconds(now),
            )


def find_queues(now: datetime) -> Iterator[Finding]:
    """Find queues whose oldest waits too long, and tasks that pile up."""
    queues = read_queues(now)
    for name, most in OLDEST.items():
        if (age := queues[name]["oldest_age"]) > most:
            yield Finding(check="queue", subject=name, severity=CRITICAL, data={"seconds": age})
    if (waiting := queues["worker"]["waiting"]) > WAITING_TASKS:
        yield Finding(check="queue", subject="tasks", data={"rows": waiting})


def find_errors(now: datetime) -> Iterator[Finding]:
    """Find many messages at once that were not answered, answers that could not be sent, and alerts that were lost."""
    answers = WEEK.read(now).count(now - SPIKE).availability
    if answers.bad >= SPIKE_BAD and answers.share >= SPIKE_SHARE:
        data = {"bad": answers.bad, "total": answers.total}
        yield Finding(check="errors", subject="answers", severity=CRITICAL, data=data)
    dead = Outbox.objects.filter(state=Outbox.State.DEAD, created_at__gte=now - SPIKE).count()
    if dead >= SPIKE_DEAD:
        yield Finding(check="errors", subject="sending", data={"bad": dead})
    late = AlertWebhook.objects.filter(received_at__gte=now - GIVEN_UP)
    lost = late.filter(state=AlertWebhook.State.BAD, done_at__gte=now - SPIKE).count()
    if lost:
        yield Finding(check="errors", subject="alerts", severity=CRITICAL, data={"bad": lost})


def find_slow(now: datetime) -> Iterator[Finding]:
    """Find answers that take long because of us."""
    found = WEEK.read(now).overheads_ms(now - SLOW_WINDOW)
    worst = p95(found)
    if worst is not None and len(found) >= SLOW_LEAST and worst > SLOW_MS:
        yield Finding(check="slow", data={"ms": round(worst), "turns": len(found)})


def find_burn(now: datetime) -> Iterator[Finding]:
    """Find service levels whose budget is used up too fast."""
    for level in levels.report(now):
        if level.burns:
            rate = level.fast if level.burns == "fast" else level.slow
            severity = CRITICAL if level.burns == "fast" else WARNING
            data = {"rate": rate, "speed": level.burns, "bad": level.bad, "total": level.total}
            yield Finding(check="level", subject=level.name, severity=severity, data=data)


def find_pollers(now: datetime) -> Iterator[Finding]:
    """Find accounts that have not been asked for news for a while, whatever their poller says of itself."""
    stale = now - timedelta(seconds=STALE_SECONDS)
    for row in Channel.objects.filter(enabled=True, last_poll_at__lt=stale).defer("token", "webhook_secret"):
        if is_outside(row.kind) and (row.config.get("mode") or settings.TELEGRAM_MODE) != "webhook":
            age = round((now - (row.last_poll_at or now)).total_seconds())
            yield Finding(check="poller", subject=row.name, severity=CRITICAL, data={"seconds": age})


def find_backup(now: datetime) -> Iterator[Finding]:
    """Find that no backup can be made, that the last good one is old, or that the first one is overdue."""
    last, hindrance = backups.last(), find_hindrance()
    if hindrance or _is_late(last, now):
        hours = None if last.age is None else round(last.age / 3600)
        data = {"hours": hours, "error": hindrance or last.failing[:300]}
        yield Finding(check="backup", severity=WARNING, data=data)


def find_log(now: datetime) -> Iterator[Finding]:
    """Find that the log of the database has not been copied for a while, where the settings want it copied."""
    copied = shipped()
    if copied is None:
        return
    behind = _works(now) if copied.lag is None else copied.lag
    if behind > LATE_SECONDS:
        yield Finding(check="log", severity=CRITICAL, data={"seconds": round(behind)})


def _works(now: datetime) -> float:
    """Return for how long a worker has been there that should have copied it."""
    alive = Process.objects.filter(role="worker", beat_at__gt=now - ALIVE)
    started = alive.aggregate(first=Min("started_at"))["first"]
    return 0.0 if started is None else (now - started).total_seconds()


def _is_late(last: backups.LastBackup, now: datetime) -> bool:
    if last.age is not None:
        return last.age > BACKUP_HOURS * 3600
    first = User.objects.order_by("date_joined").values_list("date_joined", flat=True).first()
    return first is not None and (now - first).total_seconds() >= BACKUP_HOURS * 3600
