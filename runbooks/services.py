"""The outside services of this layer, as the list of all services tells of them.

Monitored systems, forges, remotes and other gateways keep how they do in their own rows, and are asked again and again
while they fail. Ticket systems do not.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from functools import partial

from clawsite.core.services import Ask, Probe, ServiceReport, register_probe, register_service, register_services
from clawsite.core.services.values import report_row
from runbooks.incidents.posting import SERVICE as TICKETS
from runbooks.incidents.posting import ask_address
from runbooks.models import ForgeConnection, GatewayTarget, IncidentHook, Remote, SystemReading
from runbooks.workspaces.sync.queue import FOR_PEOPLE


def register() -> None:
    """Add them to the list."""
    register_services("system", read_systems)
    register_services("forge", read_forges)
    register_services("git remote", read_remotes)
    register_services("gateway", read_gateways)
    register_service(TICKETS, _hook_names)
    register_probe(Probe(kind=TICKETS, names=_hook_names, prepare=_prepare_hook))


def _hook_names() -> list[str]:
    return list(IncidentHook.objects.filter(enabled=True).values_list("name", flat=True))


def _prepare_hook(name: str) -> Ask:
    return partial(ask_address, IncidentHook.objects.get(name=name).url)


def read_systems(now: datetime) -> Iterator[ServiceReport]:
    """Tell of each source of each monitored system."""
    rows = SystemReading.objects.filter(system__enabled=True).select_related("system")
    for row in rows.defer("data", "system__credentials"):
        yield report_row("system", f"{row.system.name} {row.source}", row, now=now)


def read_forges(now: datetime) -> Iterator[ServiceReport]:
    """Tell of the forges that are asked; one that only tells us things is no service."""
    rows = ForgeConnection.objects.filter(enabled=True).exclude(kind=ForgeConnection.Kind.GENERIC)
    for row in rows.select_related("project").defer("token", "webhook_secret"):
        yield report_row("forge", f"{row.project.key} {row.kind}", row, now=now)


def read_remotes(now: datetime) -> Iterator[ServiceReport]:
    """Tell of the git remotes. Each waits longer from push to push while it fails: that is its breaker."""
    for row in Remote.objects.filter(enabled=True).select_related("project").defer("token", "private_key"):
        failing = row.failing_since is not None
        waits = failing and row.due_at is not None and row.due_at > now
        yield ServiceReport(
            name=row.project.key,
            kind="git remote",
            state="open" if waits else "half_open" if failing else "closed",
            failing_since=row.failing_since,
            last_error_kind=_remote_kind(row) if failing else "",
            error=row.error if failing else "",
            open_until=row.due_at if waits else None,
        )


def _remote_kind(row: Remote) -> str:
    return f"{row.state} (for people)" if row.state in FOR_PEOPLE else str(row.state)


def read_gateways(now: datetime) -> Iterator[ServiceReport]:
    """Tell of the other gateways. The dispatcher tries one that is away again and again, with growing waits."""
    for row in GatewayTarget.objects.filter(enabled=True).defer("token"):
        away = row.away_since is not None
        yield ServiceReport(
            name=row.name,
            kind="gateway",
            state="open" if away else "closed",
            failing_since=row.away_since,
            last_error_kind="unavailable" if away else "",
            error=row.last_error if away else "",
        )
