"""The parts of a bundle: each a function that reads one subject. None reads a message, a prompt, a fact or a name."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Callable, Mapping
from importlib import metadata
from typing import Any

import psutil
from django.apps import apps
from django.conf import settings
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder
from django.utils import timezone

from clawsite.core.models import AuditEvent, FeatureFlag, Lease, Process
from clawsite.core.shown import read_settings
from clawsite.gateway.methods.logs import tail
from clawsite.ops.doctor import examine
from clawsite.web.report import take_report
from runbooks.models import Job, Schedule
from sessions_app.models import Channel, Inbox, Outbox

NEWEST = 200
LOG_LINES = 20_000
LOG_BYTES = 4_000_000


def about() -> dict[str, Any]:
    """Return versions and the machine."""
    return {
        "at": timezone.now().isoformat(),
        "version": settings.VERSION,
        "python": sys.version,
        "platform": platform.platform(),
        "processors": os.cpu_count(),
        "load": os.getloadavg(),
        "memory": psutil.virtual_memory()._asdict(),
        "database": f"{connection.vendor} {_database_version()}",
        "packages": dict(sorted((each.name, each.version) for each in metadata.distributions())),
    }


def _database_version() -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT sqlite_version()" if connection.vendor == "sqlite" else "SHOW server_version")
        return str(cursor.fetchone()[0])


def findings() -> list[dict[str, Any]]:
    """Return what the doctor finds without asking anybody outside."""
    return [each.to_json() for each in examine(online=False)]


def processes() -> dict[str, Any]:
    """Return who runs, what is held, and what each process of this machine uses."""
    rows = Process.objects.order_by("-beat_at")[:NEWEST]
    leases = Lease.objects.exclude(owner=None).values("name", "owner_id", "token", "taken_at")[:NEWEST]
    return {"processes": [_plain(row, "role", "host", "pid", "started_at", "beat_at", "data") for row in rows],
            "leases": list(leases)}  # fmt: skip


def database() -> dict[str, Any]:
    """Return how many rows each table has, and which migrations were applied."""
    counts = {model._meta.label: model._base_manager.count() for model in apps.get_models() if model._meta.managed}
    applied = MigrationRecorder(connection).applied_migrations()
    return {"rows": counts, "migrations": sorted(f"{app}.{name}" for app, name in applied)}


def queues() -> dict[str, Any]:
    """Return the newest rows that were given up, by their states and errors alone."""
    inbox = Inbox.objects.exclude(state=Inbox.State.DONE).order_by("-id")[:NEWEST]
    outbox = Outbox.objects.exclude(state=Outbox.State.SENT).order_by("-id")[:NEWEST]
    return {
        "inbox": [_plain(row, "id", "state", "attempts", "received_at", "error") for row in inbox],
        "outbox": [_plain(row, "id", "state", "attempts", "created_at", "error") for row in outbox],
    }


def jobs() -> dict[str, Any]:
    """Return the newest jobs and all schedules, without their parameters and results."""
    newest = Job.objects.order_by("-id")[:NEWEST]
    schedules = Schedule.objects.all()[:NEWEST]
    return {
        "jobs": [_plain(row, "key", "kind", "state", "attempts", "created_at", "ended_at", "error") for row in newest],
        "schedules": [
            _plain(row, "id", "kind", "when", "cron", "every_seconds", "enabled", "next_due", "last_due", "error")
            for row in schedules
        ],
    }


def channels() -> list[dict[str, Any]]:
    """Return the accounts: kind, whether on, and what was wrong last."""
    return [_plain(row, "id", "kind", "enabled", "last_error") for row in Channel.objects.all()[:NEWEST]]


def features() -> list[dict[str, Any]]:
    """Return the switches that are set for all; whom the others are for is nobody's business."""
    return [_plain(row, "name", "everyone", "percent") for row in FeatureFlag.objects.all()]


def audit() -> list[dict[str, Any]]:
    """Return what was done last: actions and their subjects, not by whom."""
    return [_plain(row, "at", "action", "subject") for row in AuditEvent.objects.order_by("-id")[:NEWEST]]


def _plain(row: Any, *names: str) -> dict[str, Any]:
    return {name: getattr(row, name) for name in names if hasattr(row, name)}


def log() -> str:
    """Return the end of the log."""
    if not settings.CLAW_LOG_BYTES:
        return ""
    found = tail(settings.CLAW_LOG_FILE, cursor=None, limit=LOG_LINES, most=LOG_BYTES)
    return "\n".join(found["lines"])


PARTS: Mapping[str, Callable[[], Any]] = {
    "about.json": about,
    "settings.json": read_settings,
    "findings.json": findings,
    "health.json": take_report,
    "processes.json": processes,
    "database.json": database,
    "queues.json": queues,
    "jobs.json": jobs,
    "channels.json": channels,
    "features.json": features,
    "audit.json": audit,
    "log.txt": log,
}
