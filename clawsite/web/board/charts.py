"""The charts of the dashboard: what each draws of a minute's numbers, and how people are told."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext_lazy as _


@dataclass(frozen=True, kw_only=True, slots=True)
class Line:
    """One line of a chart. `adds`: of several minutes the sum is shown, not the worst."""

    key: str
    label: Any
    adds: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Chart:
    """One chart. `unit` is how the page writes its numbers: count, ms, usd or bytes."""

    name: str
    title: Any
    unit: str
    lines: tuple[Line, ...]


def _sum(key: str, label: Any) -> Line:
    return Line(key=key, label=label, adds=True)


def _worst(key: str, label: Any) -> Line:
    return Line(key=key, label=label)


CHARTS = (
    Chart(
        name="traffic",
        title=_("Messages"),
        unit="count",
        lines=(_sum("in", _("received")), _sum("out", _("sent")), _sum("failures", _("without an answer"))),
    ),
    Chart(
        name="latency",
        title=_("Time of each stage (95 of 100 are faster)"),
        unit="ms",
        lines=(
            _worst("p95_agent", _("model and tools")),
            _worst("p95_wait", _("waiting")),
            _worst("p95_prompt", _("prompt")),
            _worst("p95_input", _("input guard")),
            _worst("p95_output", _("output guard")),
        ),
    ),
    Chart(
        name="tokens",
        title=_("Tokens"),
        unit="count",
        lines=(
            _sum("tokens_input", _("read")),
            _sum("tokens_cached", _("from the cache")),
            _sum("tokens_output", _("written")),
        ),
    ),
    Chart(name="cost", title=_("Cost of the models"), unit="usd", lines=(_sum("cost", _("US dollars")),)),
    Chart(
        name="queues",
        title=_("Waiting in queues"),
        unit="count",
        lines=(
            _worst("queue_inbox", _("to answer")),
            _worst("queue_outbox", _("to send")),
            _worst("queue_jobs", _("jobs")),
            _worst("queue_alerts", _("alerts")),
        ),
    ),
    Chart(
        name="jobs",
        title=_("Jobs"),
        unit="count",
        lines=(
            _sum("jobs_done", _("done")),
            _sum("jobs_failed", _("failed")),
            _worst("jobs_running", _("running")),
        ),
    ),
    Chart(
        name="memory",
        title=_("Memory"),
        unit="bytes",
        lines=(_worst("memory_web", "web"), _worst("memory_bots", "bots"), _worst("memory_worker", "worker")),
    ),
    Chart(
        name="people",
        title=_("Connections and alerts"),
        unit="count",
        lines=(_worst("connections", _("open sockets")), _worst("firing", _("firing alerts"))),
    ),
)
LINES = tuple(line for chart in CHARTS for line in chart.lines)


def describe() -> list[dict[str, Any]]:
    """Return the charts as the page needs them, in the language of this moment."""
    return [
        {
            "name": chart.name,
            "title": str(chart.title),
            "unit": chart.unit,
            "lines": [{"key": line.key, "label": str(line.label)} for line in chart.lines],
        }
        for chart in CHARTS
    ]
