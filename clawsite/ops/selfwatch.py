"""What a role finds out about itself: that it needs too much memory, or holds a lease under which nothing moves.

Neither can be mended from inside. So the role stops as if told to, which finishes or hands back all of its work, and
ends with a code that says that it is to be started anew.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import psutil
from django.conf import settings

from clawsite.core.models import Lease
from clawsite.ops.watchdog import Growth, MemoryLimit, Stillness

logger = logging.getLogger(__name__)

MEGABYTE = 1024 * 1024
LEASE_LOOK_SECONDS = 30.0
# Leases under which something is committed again and again, by the beginning of their names, and after how long
# without that they are stuck. A lane may be quiet for as long as a turn may take; pollers look after themselves.
SENDER_SECONDS = 600.0


def still_limits() -> dict[str, float]:
    """Return after how many seconds without a commit a lease is stuck, by the beginning of its name."""
    return {"lane:": 2.0 * settings.CLAW_TURN_SECONDS + 60, "send:": SENDER_SECONDS}


def measure_memory() -> int:
    """Return the bytes of this process and its children, what they share divided among them. Takes milliseconds.

    What it runs on its own account, such as a job, leads a session of its own and does not count.
    """
    own, total = psutil.Process(), 0
    for process in [own, *own.children(recursive=True)]:
        with suppress(psutil.Error, OSError):
            if os.getsid(process.pid) == os.getsid(0):
                full = process.memory_full_info()
                total += getattr(full, "pss", full.rss)
    return total


class SelfWatch:
    """Looks at one role with each of its beats."""

    def __init__(self, *, megabytes: int) -> None:
        self._began = time.monotonic()
        self._memory = MemoryLimit(limit=megabytes * MEGABYTE)
        self._growth = Growth()
        self._leases = Stillness()
        self._looked_at = 0.0
        self._found = ""

    def note(self, told: Mapping[str, Any]) -> dict[str, Any]:
        """Look at what a role tells of itself; return what is to be told besides."""
        used = int(told.get("rss", 0)) + int(told.get("children_rss", 0))
        now = time.monotonic()
        self._growth.add(used, at=now)
        if used > self._memory.limit > 0:
            used = measure_memory()
        if self._memory.is_over(used, ran=now - self._began):
            self._found = f"it uses {used // MEGABYTE} MB, and CLAW_ROLE_MEGABYTES is {settings.CLAW_ROLE_MEGABYTES}"
        growth = self._growth.bytes_per_hour()
        return {} if growth is None else {"growth": growth}

    def look_at_leases(self, process_id: int) -> None:
        """Look, now and then, at whether something moves under the leases that this process holds."""
        now = time.monotonic()
        if now - self._looked_at < LEASE_LOOK_SECONDS:
            return
        self._looked_at = now
        limits = still_limits()
        rows = Lease.objects.filter(owner_id=process_id).values_list("name", "token", "taken_at")
        watched = {
            name: ((token, taken_at), round(seconds / LEASE_LOOK_SECONDS))
            for name, token, taken_at in rows
            for start, seconds in limits.items()
            if name.startswith(start)
        }
        marks = {name: mark for name, (mark, _) in watched.items()}
        stuck = self._leases.look(marks, {name: looks for name, (_, looks) in watched.items()})
        if stuck:
            self._found = f"nothing moves under the lease {stuck}"

    def find_reason(self) -> str:
        """Return why this role is to begin anew, or ""."""
        return self._found
