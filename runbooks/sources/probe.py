"""Asking a system everything once, now, for a person who waits: what works, or sentences that say what is wrong."""

from __future__ import annotations

from clawsite.core.errors import BadInput, ClawError
from runbooks.models import MonitoredSystem
from runbooks.sources.client import Asked, ask
from runbooks.sources.prometheus import query
from runbooks.sources.readings import READERS

SECONDS = 5.0
MOST_SERIES = 5


def probe_system(system: MonitoredSystem) -> str:
    """Ask each source that the system has; BadInput when one of them does not do."""
    found = {source: _ask(system, source) for source in READERS if getattr(system, f"{source}_url")}
    if not found:
        raise BadInput("The system has no address that could be asked.")
    told = " ".join(f"{source}: {problem or 'works.'}" for source, problem in found.items())
    if any(found.values()):
        raise BadInput(told)
    return told


def _ask(system: MonitoredSystem, source: str) -> str:
    """Return what is wrong with a source, or an empty text."""
    reader = READERS[source]
    try:
        reader.read(ask(system, source, reader.path, **reader.asked | Asked(seconds=SECONDS)))
    except ClawError as error:
        return error.message
    return ""


def probe_query(system: MonitoredSystem, promql: str) -> str:
    """Return the values of an expression now, as a sentence."""
    samples = query(system, promql)
    if not samples:
        raise BadInput("Prometheus takes the expression, but there is no series for it now.")
    shown = [f"{_name(sample.labels)}{sample.value:g}" for sample in samples[:MOST_SERIES]]
    more = f" and {len(samples) - MOST_SERIES} more" if len(samples) > MOST_SERIES else ""
    return f"It works: {', '.join(shown)}{more}."


def _name(labels: dict[str, str]) -> str:
    told = ", ".join(f"{name}={value}" for name, value in sorted(labels.items()) if name != "__name__")
    return f"{told}: " if told else ""
