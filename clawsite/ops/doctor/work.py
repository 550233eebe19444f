"""What works by itself: processes, schedules, backups, and the sandbox of programs."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from django.conf import settings
from django.utils import timezone

from clawsite.core.process import void_dead_local_processes
from clawsite.ops import backups
from clawsite.ops.backups.hindrance import find_hindrance
from clawsite.ops.configuration import repository
from clawsite.ops.crashes import read_crash_loops
from clawsite.ops.doctor.finding import Finding, bad, fine, note, warn
from clawsite.ops.running import dead_rows, running_roles
from guardrails.sandbox import has_sandbox
from runbooks.models import Schedule
from sessions_app.models import Inbox, Outbox

ROLES = ("web", "bots", "worker")
SILENCE = timedelta(seconds=30)
# The worker looks twice a second; what is so late has nobody who looks.
LATE = timedelta(minutes=10)
RECENT = timedelta(days=7)
BACKUP_AGE = timedelta(hours=26).total_seconds()


def examine() -> Iterator[Finding]:
    """Look at who runs here, who is silent, and what the dead left behind."""
    area, running, now = "processes", running_roles(), timezone.now()
    missing = [role for role in ROLES if role not in running]
    if len(missing) == len(ROLES):
        yield note(area, "Nothing runs on this machine now.", "Start everything with ./run, or: manage.py up")
    elif missing:
        yield warn(
            area,
            f"Not every role runs on this machine: {', '.join(missing)} is missing.",
            "If no other machine runs it: manage.py up, or the unit of that role.",
        )
    else:
        yield fine(area, "web, bots and worker run.")
    for role, rows in running.items():
        if all(now - row.beat_at > SILENCE for row in rows):
            yield bad(area, f"{role} is alive but silent.", "Restart it; its log holds what it was doing.")
    for loop in read_crash_loops():
        yield bad(
            area,
            f"{loop.role} keeps dying ({loop.deaths} times in a row): {loop.how}.",
            loop.why or "What is written to its terminal or journal says why.",
        )
    if dead := dead_rows():
        yield warn(
            area, f"Processes that died and still have a row: {len(dead)}.", "--fix hands it to others.", fix=_void
        )
    yield from _given_up()


def _void() -> str:
    void_dead_local_processes()
    return "What dead processes held is free."


def _given_up() -> Iterator[Finding]:
    since = timezone.now() - RECENT
    inbox = Inbox.objects.filter(state=Inbox.State.DEAD, received_at__gte=since).count()
    outbox = Outbox.objects.filter(state=Outbox.State.DEAD, created_at__gte=since).count()
    if inbox or outbox:
        yield warn(
            "processes",
            f"In the last week, messages given up: {inbox}; answers that could not be sent: {outbox}.",
            "The admin shows why under Delivery, and can have them tried again.",
        )


def examine_schedules() -> Iterator[Finding]:
    """Look for schedules that report an error or are late."""
    area, late = "schedules", timezone.now() - LATE
    rows = list(Schedule.objects.filter(enabled=True))
    broken = Schedule.objects.exclude(error="")
    for row in broken:
        yield warn(area, f"{row.name!r} reports: {row.error}", "Mend it in the admin under Schedules.")
    for row in rows:
        if row.next_due is not None and row.next_due < late:
            yield bad(area, f"{row.name!r} was due at {row.next_due:%Y-%m-%d %H:%M} UTC.", "Is a worker running?")
    if not broken and not any(row.next_due is not None and row.next_due < late for row in rows):
        yield fine(area, f"Switched on: {len(rows)}; none is late.")


def examine_backups() -> Iterator[Finding]:
    """Look whether one can be made, whether there is one that can be restored, and how old it is."""
    area, found = "backups", backups.last()
    advice = "Run: manage.py backup, and look at Backups in the admin."
    if hindrance := find_hindrance():
        yield bad(area, "No backup can be made.", hindrance)
    if found.failing:
        yield bad(area, f"The newest backup did not succeed, or is not in every place: {found.failing}", advice)
    if found.age is None:
        yield warn(area, "There is no backup that was checked.", advice)
    elif found.age > BACKUP_AGE:
        yield bad(area, f"The newest good backup is {found.age / 3600:.0f} hours old.", advice)
    else:
        yield fine(area, f"{found.name}: checked, {found.age / 3600:.0f} hours old, {found.size / 1024**2:.1f} MiB.")


def examine_config() -> Iterator[Finding]:
    """Look for files of the configuration that somebody edited and nobody took in."""
    area = "config"
    if not (settings.CLAW_HOME / "config" / ".git" / "HEAD").exists():
        yield note(area, "There is no history of the configuration yet.", "A running worker begins one.")
    elif edited := repository.edits():
        names = ", ".join(edited[:5])
        yield warn(
            area, f"Edited and not taken in: {names}", "Run: manage.py config diff, then manage.py config import"
        )
    else:
        yield fine(area, "The files in CLAW_HOME/config are those of the newest commit.")


def examine_sandbox() -> Iterator[Finding]:
    """Look whether programs of projects and skills can be shut in."""
    area = "sandbox"
    if has_sandbox():
        yield fine(area, "Programs are shut into a sandbox.")
    elif settings.CLAW_UNSANDBOXED:
        yield bad(
            area,
            "Programs of projects run without a sandbox: they can read everything this service can.",
            "Install bubblewrap and allow user namespaces, then remove CLAW_UNSANDBOXED.",
        )
    else:
        yield warn(
            area,
            "There is no sandbox, so programs of projects and skills do not run.",
            "Install bubblewrap, and allow user namespaces (sysctl kernel.unprivileged_userns_clone=1; "
            "on Ubuntu kernel.apparmor_restrict_unprivileged_userns=0).",
        )
