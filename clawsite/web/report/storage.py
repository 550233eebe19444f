"""The room that is left for the state directory, and how much the database takes."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from django.conf import settings
from django.db import connection
from prometheus_client.metrics_core import Metric

from clawsite.core.metrics import declare

DISK = declare("claw_disk_bytes", "Size of the disk that holds the state directory.")
FREE = declare("claw_disk_free_bytes", "Room left on the disk that holds the state directory.")
UP = declare("claw_database_up", "1 while the database answers in time.")
DATABASE = declare("claw_database_bytes", "Size of the database; of SQLite with its log of changes.", "part")


def read_storage() -> dict[str, Any]:
    """Return bytes. What cannot be looked up is left out."""
    found: dict[str, Any] = {"database": _database()}
    with suppress(OSError):
        disk = shutil.disk_usage(settings.CLAW_HOME)
        found |= {"disk": disk.total, "free": disk.free}
    return found


def _database() -> dict[str, int]:
    if settings.CLAW_ON_SQLITE:
        name = str(settings.DATABASES["default"]["NAME"])
        return {part: _size(f"{name}{end}") for part, end in (("data", ""), ("log", "-wal"))}
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_database_size(current_database())")
        return {"data": int(cursor.fetchone()[0])}


def _size(path: str) -> int:
    try:
        return os.path.getsize(path)
    except OSError:
        return 0


def storage_gauges(report: dict[str, Any]) -> Iterator[Metric]:
    """Yield what a scrape shows of the disk and the database."""
    storage = report.get("storage", {})
    if "database_up" in report:
        yield UP.one(report["database_up"])
    if "disk" in storage:
        yield DISK.one(storage["disk"])
        yield FREE.one(storage["free"])
    yield DATABASE.show(((part,), size) for part, size in storage.get("database", {}).items())
