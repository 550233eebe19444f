"""This process as a row: it beats while it lives; what it held is free at once when it is known to be dead.

A process is known by host, pid and start time, because pids are used again. Only the host itself can
tell that one of its processes is dead; for all others the silence of CLAW_LEASE_SECONDS decides (see
leases).
"""

from __future__ import annotations

import os
import socket
from functools import lru_cache
from pathlib import Path
from typing import Any

import psutil
from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils import timezone

from clawsite.core.leases import void_leases
from clawsite.core.models import Process
from clawsite.core.nudge import nudge

# The fields of /proc/<pid>/stat after the name: state is the first of them, the start time the twentieth.
_STATE, _STARTED = 0, 19
_GONE = "ZXx"

# What a turn of an orphan may still take; the others are handed back and begun again by the successor.
ORPHAN_SECONDS = 2.0
# How often the end of a process is tried.
TRIES = 3


@lru_cache(maxsize=1)
def host_name() -> str:
    """Return the name under which this machine's processes are rows.

    Containers that share a server database may share a host name but not their pids, so the pid namespace
    belongs to the name there. With SQLite a restarted container must know its own dead at once.
    """
    name = socket.gethostname()
    namespace = Path("/proc/self/ns/pid")
    if settings.CLAW_ON_SQLITE or not namespace.exists():
        return name[:255]
    return f"{name[:200]} {namespace.readlink()}"


def find_start(pid: int) -> int | None:
    """Return when a running process started (clock ticks since boot), None for none and for a zombie."""
    try:
        # No Path, which keeps each part in the interpreter's table of names: this is asked every second.
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
            stat = file.read()
    except (FileNotFoundError, ProcessLookupError):
        return None if Path("/proc/self/stat").exists() else _find_start_elsewhere(pid)
    fields = stat[stat.rindex(")") + 2 :].split()
    return None if fields[_STATE] in _GONE else int(fields[_STARTED])


def _find_start_elsewhere(pid: int) -> int | None:
    """Answer for systems without /proc, in hundredths of a second since the epoch."""
    try:
        return int(psutil.Process(pid).create_time() * 100)
    except psutil.Error:
        return None


def is_alive(pid: int, *, started: int) -> bool:
    """Tell whether this very process still runs on this machine."""
    return find_start(pid) == started


def register_process(role: str) -> Process:
    """Create the row of the calling process and return it; a row it already has is renewed."""
    pid = os.getpid()
    now = timezone.now()
    process, _ = Process.objects.update_or_create(
        host=host_name(),
        pid=pid,
        started=find_start(pid) or 0,
        defaults={"role": role, "started_at": now, "beat_at": now, "data": {}},
    )
    return process


def beat(process_id: int, **data: Any) -> bool:
    """Say that the process is alive, with data for the health page. False: its row is gone, so must it be."""
    return bool(Process.objects.filter(pk=process_id).update(beat_at=timezone.now(), data=data))


_orphaned = False


def hurry() -> None:
    """Note that nobody looks after this process any more: it is to stop soon, because its successor waits for it."""
    global _orphaned
    _orphaned = True


def drain_seconds() -> float:
    """Return how long this process may take to finish what it does when it is told to stop."""
    return min(ORPHAN_SECONDS, settings.CLAW_DRAIN_SECONDS) if _orphaned else float(settings.CLAW_DRAIN_SECONDS)


def end_process(process_id: int) -> None:
    """Free everything the process held and remove its row.

    A thread of it may take one more lease meanwhile, which refers to the row: that one is freed, too.
    """
    for left in reversed(range(TRIES)):
        try:
            with transaction.atomic():
                void_leases(process_id)
                Process.objects.filter(pk=process_id).delete()
        except IntegrityError:
            if not left:
                raise
        else:
            return


def void_dead_local_processes() -> int:
    """End every process of this machine that does not run any more, and wake those who take its work over.

    Returns how many there were. May be called at any time by anybody.
    """
    dead = [
        process.pk
        for process in Process.objects.filter(host=host_name())
        if not is_alive(process.pid, started=process.started)
    ]
    for process_id in dead:
        end_process(process_id)
    if dead:
        nudge("inbox")
        nudge("outbox")
    return len(dead)
