"""All that a briefing tells, as JSON: numbers of the sources and of our rows, no words.

Invariant: whatever part cannot be read is named, and hides nothing of the others.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from clawsite.core.errors import log_unknown
from runbooks.briefings.happened import read_alerts, read_anomalies
from runbooks.briefings.oncall import read_handover
from runbooks.briefings.rows import read_incidents, read_pending
from runbooks.briefings.systems import read_systems
from runbooks.briefings.window import Window


def gather(window: Window, *, now: datetime) -> dict[str, Any]:
    """Return everything that is known of a time. Asks the sources, so not for use in a transaction."""
    parts: dict[str, Callable[[], Any]] = {
        "systems": lambda: list(read_systems(window)),
        "alerts": lambda: read_alerts(window),
        "anomalies": lambda: read_anomalies(window),
        "incidents": lambda: read_incidents(window),
        "pending": lambda: read_pending(window, now=now),
        "handover": lambda: read_handover(window.end),
    }
    told: dict[str, Any] = {"start": window.start.isoformat(), "end": window.end.isoformat(), "missing": []}
    for name, read in parts.items():
        told[name] = _try(name, read, told["missing"])
    return told


def _try(name: str, read: Callable[[], Any], missing: list[dict[str, str]]) -> Any:
    try:
        return read()
    except Exception as error:  # whatever is wrong with one part, the shift must hear of the others
        missing.append({"part": name, "error": log_unknown(error, where=f"the briefing's {name}")})
        return None
