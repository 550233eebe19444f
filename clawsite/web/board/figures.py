"""What the dashboard shows of this moment. At most three seconds old, so that many open pages cost one look."""

from __future__ import annotations

import threading
import time
from datetime import timedelta
from typing import Any

from django.utils import timezone

from bots.cards.selfalert import word
from bots.reasons import say_reason
from bots.service_kinds import name_kind
from clawsite.models import SelfAlert
from clawsite.ops.levels import judging as levels
from clawsite.ops.selfalerts.chats import describe
from clawsite.web.board.today import TODAY
from clawsite.web.report import take_report
from runbooks.models import AlertGroup, Incident, Job
from sessions_app.models import Contact, Pairing

KEEP_SECONDS = 3.0
# A role whose last beat is older than this is shown as silent.
SILENT_SECONDS = 30
# A backup that is older than this is shown as late: one is made every day.
BACKUP_SECONDS = 26 * 3600
LISTED = 8

_lock = threading.Lock()
_kept: tuple[float, dict[str, Any]] = (0.0, {})


def show() -> dict[str, Any]:
    """Return what is shown, in the language of this moment."""
    found = figures()
    troubles = [{**each, "title": word(each)[0], "advice": word(each)[1]} for each in found["troubles"]]
    services = [{**each, "kind": name_kind(each["kind"])} for each in found["services"]]
    failed = [{**each, "error": say_reason(each["error"])} for each in found["failed_jobs"]]
    channels = [{**each, "last_error": say_reason(each["last_error"])} for each in found["channels"]]
    backup = {**found["backup"], "failing": say_reason(found["backup"]["failing"])}
    said = {"troubles": troubles, "services": services, "failed_jobs": failed, "channels": channels, "backup": backup}
    return {**found, **said}


def figures() -> dict[str, Any]:
    """Return what is shown, without the words of it."""
    global _kept
    with _lock:
        taken_at, kept = _kept
        if not kept or time.monotonic() - taken_at > KEEP_SECONDS:
            kept = _take()
            _kept = (time.monotonic(), kept)
        return kept


def _take() -> dict[str, Any]:
    report = take_report()
    queues = report["queues"]
    return {
        "now": timezone.now(),
        **_today(),
        "sessions": report["sessions"],
        "waiting": queues["inbox"]["new"] + queues["outbox"]["new"],
        "oldest_age": max(queues["inbox"]["oldest_age"], queues["outbox"]["oldest_age"]),
        "dead": queues["inbox"]["dead"] + queues["outbox"]["dead"],
        "pending": _people_waiting(),
        "channels": [_channel(row) for row in report["channels"]],
        "processes": [_process(row) for row in report["processes"]],
        "queues": [{"name": name, **queues[name]} for name in ("inbox", "outbox", "alerts")],
        "jobs": queues["jobs"],
        "failed_jobs": _failed_jobs(),
        "services": sorted((_service(row) for row in report["services"]), key=lambda each: each["since"] is None),
        "alerts": _alerts(),
        "troubles": _troubles(),
        "levels": [_level(row) for row in report["levels"]],
        "incidents": Incident.objects.filter(state=Incident.State.OPEN).count(),
        "backup": _backup(report["backups"]),
        "storage": _storage(report["storage"]),
    }


def _today() -> dict[str, Any]:
    day = TODAY.read(timezone.localtime())
    return {
        "messages_today": day.messages,
        "answers_today": day.answers,
        "spent_today": f"{day.usd:.2f}",
        "tokens_today": day.tokens,
    }


def _people_waiting() -> int:
    asking = Pairing.objects.filter(decided_at=None, expires_at__gt=timezone.now())
    return asking.filter(contact__state=Contact.State.PENDING).order_by().values("contact").distinct().count()


def _channel(row: dict[str, Any]) -> dict[str, Any]:
    state = "off" if not row["enabled"] else "error" if row["last_error"] else "blocked" if row["blocked"] else "ok"
    return {**row, "state": state, "polled": _moment(row["poll_age"])}


def _process(row: dict[str, Any]) -> dict[str, Any]:
    state = "silent" if row["beat_age"] > SILENT_SECONDS else "ok"
    return {**row, "state": state, "megabytes": _megabytes(row["memory"]), "started": _moment(row["uptime"])}


def _service(row: dict[str, Any]) -> dict[str, Any]:
    works = "ok" if row["failing"] is None else "blocked"
    state = {"closed": works, "half_open": "blocked"}.get(row["state"], "error")
    return {**row, "breaker": row["state"], "state": state, "since": _moment(row["failing"])}


def _failed_jobs() -> list[dict[str, Any]]:
    """Return the newest jobs that failed within a day."""
    since = timezone.now() - timedelta(days=1)
    bad = Job.objects.filter(ended_at__gte=since, state__in=[Job.State.FAILED, Job.State.TIMED_OUT])
    rows = bad.only("kind", "error", "ended_at").order_by("-ended_at")[:LISTED]
    return [{"kind": row.kind, "error": row.error, "ended_at": row.ended_at} for row in rows]


def _alerts() -> list[AlertGroup]:
    firing = AlertGroup.objects.filter(state=AlertGroup.State.FIRING)
    return list(firing.order_by("-pk")[:LISTED])


def _troubles() -> list[dict[str, Any]]:
    """Return the trouble of our own that lasts, the worst first."""
    rows = SelfAlert.objects.filter(closed_at=None).order_by("severity", "-id")[:LISTED]
    return [{**describe(row), "since": row.opened_at} for row in rows]


def _level(row: dict[str, Any]) -> dict[str, Any]:
    """Return a level in per cent, which is bad when it is not held or its budget burns."""
    burns = row["fast"] >= levels.FAST or row["slow"] >= levels.SLOW
    state = "ok" if row["held"] and not burns else "blocked" if row["held"] else "error"
    shown = {"value": f"{row['value'] * 100:.2f}", "aim": f"{row['aim'] * 100:g}", "state": state}
    p95 = None if row["p95_ms"] is None else round(row["p95_ms"])
    return {"name": row["name"], "total": row["total"], "p95": p95, **shown}


def _backup(backups: dict[str, Any]) -> dict[str, Any]:
    if backups["age"] is None:
        return {"state": "error", "made": None, "failing": backups["failing"]}
    state = "error" if backups["failing"] else "blocked" if backups["age"] > BACKUP_SECONDS else "ok"
    made = {"made": _moment(backups["age"]), "megabytes": _megabytes(backups["size"])}
    return {"state": state, "failing": backups["failing"], **made}


def _storage(storage: dict[str, Any]) -> dict[str, Any]:
    shown: dict[str, Any] = {"database": _megabytes(sum(storage["database"].values()))}
    if "disk" in storage:
        free = storage["free"] * 100 // storage["disk"]
        shown |= {"free": free, "state": "error" if free < 3 else "blocked" if free < 10 else "ok"}
    return shown


def _moment(age: int | None) -> Any:
    """Return when it was, for what is so many seconds old."""
    return None if age is None else timezone.now() - timedelta(seconds=age)


def _megabytes(size: int) -> int:
    return round(size / 1024 / 1024)
