"""Which roles of this installation run on this machine, by their rows and by the kernel."""

from __future__ import annotations

from clawsite.core.models import Process
from clawsite.core.process import host_name, is_alive


def running_roles() -> dict[str, list[Process]]:
    """Return the processes that are alive here, by role."""
    found: dict[str, list[Process]] = {}
    for row in Process.objects.filter(host=host_name()):
        if is_alive(row.pid, started=row.started):
            found.setdefault(row.role, []).append(row)
    return found


def dead_rows() -> list[Process]:
    """Return the rows of processes of this machine that are no more."""
    return [row for row in Process.objects.filter(host=host_name()) if not is_alive(row.pid, started=row.started)]
