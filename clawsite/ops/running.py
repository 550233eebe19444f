"""Which roles of this installation run, by their rows and, on this machine, by the kernel."""

from __future__ import annotations

from datetime import timedelta

from django.conf import settings
from django.utils import timezone

from clawsite.core.models import Process
from clawsite.core.process import host_name, is_alive


def running_roles() -> dict[str, list[Process]]:
    """Return the processes that are alive here, by role."""
    found: dict[str, list[Process]] = {}
    for row in Process.objects.filter(host=host_name()):
        if is_alive(row.pid, started=row.started):
            found.setdefault(row.role, []).append(row)
    return found


def is_running(row: Process) -> bool:
    """Tell whether a process lives; one of another machine does for as long as its leases do."""
    if row.host == host_name():
        return is_alive(row.pid, started=row.started)
    return row.beat_at > timezone.now() - timedelta(seconds=settings.CLAW_LEASE_SECONDS)


def find_running(role: str) -> list[Process]:
    """Return the processes of a role that live, here or on another machine."""
    return [row for row in Process.objects.filter(role=role) if is_running(row)]


def dead_rows() -> list[Process]:
    """Return the rows of processes of this machine that are no more."""
    return [row for row in Process.objects.filter(host=host_name()) if not is_alive(row.pid, started=row.started)]
