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
from runbooks.jobs.values import size_of
from runbooks.models import MonitoredSystem
from sessions_app.cards import DATA_BYTES

# What a card keeps beside it: the job's key and who has the shift; and separators are longer there.
ROOM_BYTES = DATA_BYTES * 3 // 4


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
    watched = MonitoredSystem.objects.filter(enabled=True).count()
    return fit(told | {"left_out": max(0, watched - len(told["systems"] or []))})


def fit(told: dict[str, Any]) -> dict[str, Any]:
    """Return what a card can hold: of very many systems the last ones are counted only."""
    systems = list(told["systems"] or [])
    while systems and size_of(told) > ROOM_BYTES:
        systems.pop()
        told = told | {"systems": systems, "left_out": told["left_out"] + 1}
    return told


def _try(name: str, read: Callable[[], Any], missing: list[dict[str, str]]) -> Any:
    try:
        return read()
    except Exception as error:  # whatever is wrong with one part, the shift must hear of the others
        missing.append({"part": name, "error": log_unknown(error, where=f"the briefing's {name}")})
        return None
