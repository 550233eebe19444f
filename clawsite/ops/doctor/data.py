"""The database and the clock: whether it answers, is whole and is up to date, and whether time runs forward."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from django.conf import settings
from django.db import connection
from django.db.models import Max
from django.utils import timezone

from clawsite.core.models import AuditEvent, Process
from clawsite.ops.doctor.finding import Finding, bad, fine, warn
from clawsite.ops.prepare import has_unapplied_migrations
from sessions_app.models import Inbox

AREA = "database"
CLOCK = "clock"
# A log of changes that grows beyond this is not taken back: somebody keeps an old reading open.
WAL_BYTES = 256 * 1024**2
SKEW = timedelta(seconds=5)
# Before this version was written no clock can be right.
BUILT = datetime(2026, 1, 1, tzinfo=timezone.get_fixed_timezone(0))


def examine() -> Iterator[Finding]:
    """Look at the schema and at the file."""
    if has_unapplied_migrations():
        yield bad(AREA, "The database is behind the code.", "Run: manage.py migrate (or ./run, which does it)")
        return
    if settings.CLAW_ON_SQLITE:
        yield from _sqlite()
    else:
        with connection.cursor() as cursor:
            cursor.execute("SHOW server_version")
            yield fine(AREA, f"PostgreSQL {cursor.fetchone()[0]} answers and is up to date.")


def _sqlite() -> Iterator[Finding]:
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA quick_check(5)")
        wrong = [str(row[0]) for row in cursor.fetchall() if row[0] != "ok"]
        cursor.execute("PRAGMA journal_mode")
        mode = str(cursor.fetchone()[0])
    if wrong:
        yield bad(AREA, f"The file is damaged: {wrong[0][:200]}", "Stop clawsite and restore the newest backup.")
        return
    if mode != "wal":
        yield bad(
            AREA,
            f"The database is in the mode {mode}, where every writer keeps all readers out.",
            "Its folder must allow shared memory: use a disk of this machine.",
        )
    log = settings.CLAW_HOME / "clawsite.sqlite3-wal"
    if log.exists() and log.stat().st_size > WAL_BYTES:
        yield warn(AREA, "The log of changes is long: an old reading is open.", "Restart the roles one after another.")
    yield fine(AREA, "The file is whole and up to date.")


def examine_clock() -> Iterator[Finding]:
    """Compare our clock with the database's, and with the newest moments that were written down."""
    now = timezone.now()
    advice = "Set the clock and keep it set: timedatectl set-ntp true"
    if now < BUILT:
        yield bad(CLOCK, f"The clock says {now:%Y-%m-%d}.", advice)
        return
    ahead = max((moment for moment in _newest() if moment is not None), default=now) - now
    if ahead > SKEW:
        yield bad(CLOCK, f"What was written last is {_seconds(ahead)} in the future: the clock was set back.", advice)
    apart = abs(_database_clock() - timezone.now())
    if apart > SKEW:
        yield bad(CLOCK, f"This machine and the database are {_seconds(apart)} apart.", advice)
    elif ahead <= SKEW:
        yield fine(CLOCK, f"It is {now:%Y-%m-%d %H:%M:%S} UTC, for the database too.")


def _newest() -> Iterator[datetime | None]:
    yield Process.objects.aggregate(at=Max("beat_at"))["at"]
    yield AuditEvent.objects.order_by("-id").values_list("at", flat=True).first()
    yield Inbox.objects.order_by("-id").values_list("received_at", flat=True).first()


def _database_clock() -> datetime:
    if settings.CLAW_ON_SQLITE:
        return timezone.now()
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        moment: datetime = cursor.fetchone()[0]
        return moment


def _seconds(span: timedelta) -> str:
    return f"{span.total_seconds():.0f} s"
