"""What the sources say of each system: traffic, success, and what fails more than the rest.

Invariant: a source that does not answer is named, and hides nothing of what others say.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from clawsite.core.errors import ClawError, Unavailable
from runbooks.briefings.attention import find_outstanding, stands_out
from runbooks.briefings.courses import Course, add_up, average, rates, read_series, total
from runbooks.briefings.firing import read_firing
from runbooks.briefings.window import Window
from runbooks.models import MonitoredSystem, NamedQuery

MOST_SYSTEMS, MOST_QUERIES, MOST_POINTS = 20, 10, 5
USUAL_HOURS = 24
Part = NamedQuery.Briefing


def read_systems(window: Window) -> Iterator[dict[str, Any]]:
    """Return what is to be said of each system that is watched."""
    for system in MonitoredSystem.objects.filter(enabled=True)[:MOST_SYSTEMS]:
        yield read_system(system, window)


def read_system(system: MonitoredSystem, window: Window) -> dict[str, Any]:
    """Return {name, figures, attention, firing, errors} of one system."""
    told: dict[str, Any] = {"name": str(system), "figures": [], "attention": [], "firing": None, "errors": []}
    _read_queries(system, window, told)
    if system.alertmanager_url:
        try:
            told["firing"] = read_firing(system)
        except ClawError as error:
            told["errors"].append({"query": "Alertmanager", "text": error.message})
    return told


def _read_queries(system: MonitoredSystem, window: Window, told: dict[str, Any]) -> None:
    weights: Course | None = None
    for query in _queries(system):
        try:
            weights = _read(query, window, told, weights)
        except ClawError as error:
            told["errors"].append({"query": str(query), "text": error.message})
            if isinstance(error, Unavailable):
                break  # the other queries go to the same place


def _queries(system: MonitoredSystem) -> list[NamedQuery]:
    """Return the queries that briefings use: traffic first, because it weighs the success."""
    order = [Part.TRAFFIC, Part.SUCCESS, Part.FAILURES]
    rows = system.queries.select_related("system").filter(briefing__in=order)
    return sorted(rows, key=lambda query: (order.index(Part(query.briefing)), query.name))[:MOST_QUERIES]


def _read(query: NamedQuery, window: Window, told: dict[str, Any], weights: Course | None) -> Course | None:
    """Add what one query says; return the traffic by which the rates that follow are weighed."""
    series = read_series(query, window)
    if query.briefing == Part.FAILURES:
        told["attention"] += _outstanding(query, rates(series), window)
        return weights
    is_traffic = query.briefing == Part.TRAFFIC
    figure = total(series, window) if is_traffic else average(series, window, weights=weights)
    told["figures"].append(
        {
            "part": query.briefing,
            "title": query.title,
            "unit": query.unit,
            "value": figure.value if figure else None,
            "covered": round(figure.covered, 3) if figure else 0.0,
            "minutes": round(figure.covered * window.seconds / 60) if figure else 0,
        }
    )
    return weights or (add_up(series) or None if is_traffic else None)


def _outstanding(query: NamedQuery, found: dict[str, float], window: Window) -> list[dict[str, Any]]:
    """Return the labels whose rate stands out from the others, or a single rate that does from the day before."""
    if len(found) == 1:
        (name, value), *_ = found.items()
        usual = _usual(query, window)
        points = [(name, value, usual)] if usual is not None and stands_out(value, usual) else []
    else:
        points = find_outstanding(found)
    told = [{"name": name, "value": value, "usual": usual} for name, value, usual in points[:MOST_POINTS]]
    return [{"title": query.title, "alone": len(found) == 1, **each} for each in told]


def _usual(query: NamedQuery, window: Window) -> float | None:
    """Return the average of the day before the window, None where nothing is known of it."""
    before = Window(start=window.start - timedelta(hours=USUAL_HOURS), end=window.start)
    return next(iter(rates(read_series(query, before)).values()), None)
