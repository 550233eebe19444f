"""The processes of all roles: whether they beat, what they hold, what they need."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import datetime
from typing import Any

import psutil
from prometheus_client.metrics_core import Metric

from clawsite.core.metrics import Gauge, declare
from clawsite.core.models import Process
from clawsite.core.process import host_name
from clawsite.web.report.ages import age

_LABELS = ("role", "host", "pid")
BEAT_AGE = declare("claw_beat_age_seconds", "Time since a process last beat.", *_LABELS)
UPTIME = declare("claw_process_uptime_seconds", "Time since a process began.", *_LABELS)
MEMORY = declare("claw_process_memory_bytes", "Memory of a process and its children.", *_LABELS)
CPU = declare("claw_process_cpu_seconds", "Processor time of a process, in seconds.", *_LABELS, only_grows=True)
FILES = declare("claw_process_open_files", "Files and sockets that a process holds.", *_LABELS)
GROWTH = declare("claw_process_growth_bytes", "By how much a process grows in an hour.", *_LABELS)
THREADS = declare("claw_process_threads", "Threads of a process.", *_LABELS)
LAG = declare("claw_loop_lag_seconds", "Worst delay of the event loop lately.", *_LABELS)
SOCKETS = declare("claw_page_sockets", "Open sockets of pages and programs.", *_LABELS)
CALLERS = declare("claw_gateway_connections", "Connections of programs to the gateway.", *_LABELS)
SILENT = declare("claw_queue_silent_seconds", "Time since the worker's queue last showed that it works.", *_LABELS)
UP = declare("claw_role_up", "Processes of a role that beat within the last 30 s.", "role")

# What a row tells of its process that is shown as it is.
_TOLD = ("lag_ms", "sockets", "gateway", "silent", "cpu", "files", "threads", "growth")
ROLES = ("web", "bots", "worker")
ALIVE_SECONDS = 30


def read_processes(now: datetime) -> list[dict[str, Any]]:
    """Return all processes but those of jobs, which come and go."""
    return [_process(row, now) for row in Process.objects.exclude(role="job").order_by("role", "pk")]


def add_memory(processes: list[dict[str, Any]]) -> dict[str, int]:
    """Return the bytes of each role."""
    total: dict[str, int] = {}
    for process in processes:
        total[process["role"]] = total.get(process["role"], 0) + process["memory"]
    return total


def _process(row: Process, now: datetime) -> dict[str, Any]:
    return {
        "role": row.role,
        "host": row.host,
        "pid": row.pid,
        "beat_age": age(row.beat_at, now),
        "uptime": age(row.started_at, now),
        "memory": _memory(row),
        **{key: value for key, value in row.data.items() if key in _TOLD},
    }


def _memory(row: Process) -> int:
    """Return the bytes of a process and its children: proportional (PSS) here, as last told elsewhere."""
    told = int(row.data.get("rss", 0)) + int(row.data.get("children_rss", 0))
    if row.host != host_name():
        return told
    total = 0
    with suppress(psutil.Error):
        family = psutil.Process(row.pid)
        for process in [family, *family.children(recursive=True)]:
            with suppress(psutil.Error):
                full = process.memory_full_info()
                total += getattr(full, "pss", full.rss)
    return total or told


def process_gauges(report: dict[str, Any]) -> Iterator[Metric]:
    """Yield what a scrape shows of the processes. A role that should run and does not is shown as 0."""
    processes = report.get("processes")
    if processes is None:
        return
    alive = [process["role"] for process in processes if process["beat_age"] <= ALIVE_SECONDS]
    yield UP.show(((role,), alive.count(role)) for role in ROLES)
    for gauge, find in _FOUND:
        found = ((_names(process), find(process)) for process in processes)
        yield gauge.show((names, number) for names, number in found if number is not None)


def _names(process: dict[str, Any]) -> tuple[str, ...]:
    return (process["role"], process["host"], str(process["pid"]))


def _told(key: str) -> Callable[[dict[str, Any]], float | None]:
    return lambda process: process.get(key)


_FOUND: tuple[tuple[Gauge, Callable[[dict[str, Any]], float | None]], ...] = (
    (BEAT_AGE, _told("beat_age")),
    (UPTIME, _told("uptime")),
    (MEMORY, _told("memory")),
    (CPU, _told("cpu")),
    (FILES, _told("files")),
    (GROWTH, _told("growth")),
    (THREADS, _told("threads")),
    (LAG, lambda process: process.get("lag_ms", 0) / 1000),
    (SOCKETS, _told("sockets")),
    (CALLERS, _told("gateway")),
    (SILENT, _told("silent")),
)
