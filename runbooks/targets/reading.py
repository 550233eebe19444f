"""Gateways as others see them: without tokens and addresses of files, and with how they do."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from runbooks.jobs.reading import describe
from runbooks.models import GatewayTarget, Job
from runbooks.targets.choosing import count_load

GONE = "gone"


def describe_jobs(jobs: Iterable[Job]) -> list[dict[str, Any]]:
    """Return the wire's rows of jobs, those on other gateways with how these do; one query for all."""
    found = list(jobs)
    names = {job.target for job in found if job.target}
    reach = {row.name: row.reach for row in _rows().filter(name__in=names)} if names else {}
    return [describe(job) | ({"targetState": reach.get(job.target, GONE)} if job.target else {}) for job in found]


def describe_targets(*, is_full: bool) -> list[dict[str, Any]]:
    """Return name and state of each gateway that is switched on; is_full: everything but its token, of all."""
    rows = _rows() if is_full else _rows().filter(enabled=True)
    if not is_full:
        return [{"name": row.name, "state": row.reach} for row in rows]
    load = count_load()
    return [_describe(row, load.get(row.name, 0)) for row in rows]


def _describe(row: GatewayTarget, load: int) -> dict[str, Any]:
    return {
        "name": row.name,
        "state": row.reach,
        "enabled": row.enabled,
        "wsUrl": row.ws_url,
        "httpUrl": row.http_url,
        "allowedRepos": row.allowed_repos,
        "labels": row.labels,
        "kinds": row.kinds,
        "capacity": row.capacity,
        "openJobs": load,
        "lastSeenAtMs": round(row.last_seen_at.timestamp() * 1000) if row.last_seen_at else None,
        "awaySinceMs": round(row.away_since.timestamp() * 1000) if row.away_since else None,
        "lastError": row.last_error or None,
    }


def _rows() -> Any:
    return GatewayTarget.objects.defer("token")
