"""What a system says of itself, as JSON objects: `{"status": "healthy", "uptime": "99.97%"}` at its health address,
`{"transactions_per_minute": 1247, "approval_rate": 94.2, "anomalies_last_hour": 0, "active_alerts": 0}` at the other.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

from clawsite.core.errors import BadInput
from guardrails.http import Reply
from runbooks.models import MonitoredSystem
from runbooks.sources.client import ask, check_status, is_served

MOST_CHARS = 80
MOST = 2**63
_WELL = frozenset({"healthy", "ok", "up", "pass", "passing", "green"})


@dataclass(frozen=True, kw_only=True, slots=True)
class Health:
    """How a system is by its own word; `uptime` is shown as it was given."""

    status: str
    uptime: str = ""

    @property
    def is_well(self) -> bool:
        """Whether its word is one for being well."""
        return self.status.lower() in _WELL


@dataclass(frozen=True, kw_only=True, slots=True)
class Stats:
    """A system's own numbers; None is one that it does not tell. `more` are the other numbers it tells."""

    transactions_per_minute: float | None = None
    approval_rate: float | None = None
    anomalies_last_hour: int | None = None
    active_alerts: int | None = None
    more: dict[str, float] = field(default_factory=dict)


def read_health(system: MonitoredSystem) -> Health:
    """Return how a system is. One that says in JSON that it is ill has answered, whatever the status of HTTP.

    Raises Unavailable when it does not answer, BadInput when the answer is something else.
    """
    return parse_health(ask(system, "health", is_answer=tells_health))


def tells_health(reply: Reply) -> bool:
    """Tell whether an answer says how the system is, or at least that its server works."""
    return is_served(reply) or _find_health(reply) is not None


def parse_health(reply: Reply) -> Health:
    """Return the health that an answer tells; BadInput when it tells none."""
    health = _find_health(reply)
    if health is None:
        check_status(reply, "health")
        raise BadInput("The health address answered without a status.")
    return health


def _find_health(reply: Reply) -> Health | None:
    try:
        data = _object(reply, "health")
    except BadInput:
        return None
    status = _text(data.get("status"))
    return Health(status=status, uptime=_text(data.get("uptime"))) if status else None


def read_stats(system: MonitoredSystem) -> Stats:
    """Return a system's numbers; raises as read_health does."""
    return parse_stats(ask(system, "stats"))


def parse_stats(reply: Reply) -> Stats:
    """Return the numbers that an answer tells; BadInput when it is none."""
    check_status(reply, "stats")
    numbers = {name: value for name, value in _object(reply, "stats").items() if _is_number(value)}
    anomalies, alerts = numbers.pop("anomalies_last_hour", None), numbers.pop("active_alerts", None)
    return Stats(
        transactions_per_minute=numbers.pop("transactions_per_minute", None),
        approval_rate=numbers.pop("approval_rate", None),
        anomalies_last_hour=None if anomalies is None else int(anomalies),
        active_alerts=None if alerts is None else int(alerts),
        more={str(name)[:MOST_CHARS]: float(value) for name, value in numbers.items()},
    )


def _object(reply: Reply, source: str) -> dict[str, Any]:
    data = reply.json()
    if not isinstance(data, dict):
        raise BadInput(f"The {source} address answered something else than a JSON object.")
    return data


def _text(value: object) -> str:
    """Return a text or number as one short visible line; of anything else nothing."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return ""
    return "".join(char for char in str(value)[:MOST_CHARS] if char.isprintable()).strip()


def _is_number(value: object) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return math.isfinite(value) if isinstance(value, float) else abs(value) < MOST
