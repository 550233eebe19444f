"""What /health and /metrics tell of the whole system. A few indexed queries.

One module for each subject: it reads its part of the report, and shows that part's numbers as gauges.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from django.utils import timezone
from prometheus_client.metrics_core import Metric

from clawsite.web.report.backups import backup_gauges, read_backups
from clawsite.web.report.channels import channel_gauges, read_channels, read_last_command, read_sessions
from clawsite.web.report.crashes import crash_gauges, read_crashes
from clawsite.web.report.levels import level_gauges, read_levels, read_self_alerts
from clawsite.web.report.processes import add_memory, process_gauges, read_processes
from clawsite.web.report.queues import queue_gauges, read_queues
from clawsite.web.report.services import read_services, service_gauges
from clawsite.web.report.sources import read_sources, source_gauges
from clawsite.web.report.storage import read_storage, storage_gauges

__all__ = ["gauges", "read_queues", "read_services", "take_report"]

_GAUGES: tuple[Callable[[dict[str, Any]], Iterator[Metric]], ...] = (
    queue_gauges,
    source_gauges,
    service_gauges,
    process_gauges,
    crash_gauges,
    channel_gauges,
    storage_gauges,
    backup_gauges,
    level_gauges,
)


def take_report() -> dict[str, Any]:
    """Return everything an operator wants to see at one glance, as JSON."""
    now = timezone.now()
    processes = read_processes(now)
    return {
        "processes": processes,
        "memory": add_memory(processes),
        "crash_loops": read_crashes(now),
        "sessions": read_sessions(now),
        "channels": read_channels(now),
        "queues": read_queues(now),
        "sources": read_sources(now),
        "services": read_services(now),
        "database_up": True,
        "storage": read_storage(),
        "backups": read_backups(),
        "levels": read_levels(),
        "self_alerts": read_self_alerts(),
        "last_command": read_last_command(),
    }


def gauges(report: dict[str, Any]) -> Iterator[Metric]:
    """Yield the report's numbers as metrics; a part that the report lacks has none."""
    for part in _GAUGES:
        yield from part(report)
