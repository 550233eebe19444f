"""Metrics: what is counted while it happens (`counts`), and what is looked up for a scrape (`gauges`).

Counters are those of all processes together (`files`). `names()` lists every name that a scrape may show, which holds
alert rules and dashboards to it.
"""

from __future__ import annotations

from prometheus_client import REGISTRY

from clawsite.core.metrics.counts import (
    ALERTS,
    CHANNEL_CALLS,
    CI_DELIVERIES,
    DELIVERY_SECONDS,
    GATEWAY_DROPPED,
    GATEWAY_REFUSALS,
    GATEWAY_REQUESTS,
    INTAKE_SECONDS,
    JOB_SECONDS,
    JOBS,
    LOG_LINES,
    MESSAGES,
    MODEL_CALLS,
    MODEL_COST,
    MODEL_SECONDS,
    MODEL_TOKENS,
    RATE_REFUSALS,
    STAGE_SECONDS,
    STARTS,
    TOOL_CALLS,
    TOOL_SECONDS,
    TURNS,
    VERDICTS,
    observe,
)
from clawsite.core.metrics.files import DIRECTORY, fold_own, scrape
from clawsite.core.metrics.gauges import GAUGES, Gauge, declare
from clawsite.core.metrics.loglines import write_lines

__all__ = [
    "ALERTS",
    "CHANNEL_CALLS",
    "CI_DELIVERIES",
    "DELIVERY_SECONDS",
    "DIRECTORY",
    "GATEWAY_DROPPED",
    "GATEWAY_REFUSALS",
    "GATEWAY_REQUESTS",
    "GAUGES",
    "INTAKE_SECONDS",
    "JOBS",
    "JOB_SECONDS",
    "LOG_LINES",
    "MESSAGES",
    "MODEL_CALLS",
    "MODEL_COST",
    "MODEL_SECONDS",
    "MODEL_TOKENS",
    "RATE_REFUSALS",
    "STAGE_SECONDS",
    "STARTS",
    "TOOL_CALLS",
    "TOOL_SECONDS",
    "TURNS",
    "VERDICTS",
    "Gauge",
    "declare",
    "fold_own",
    "names",
    "observe",
    "scrape",
    "write_lines",
]

_SUFFIXES = {"counter": ("_total",), "histogram": ("_bucket", "_sum", "_count")}


def names() -> frozenset[str]:
    """Return every name of ours that a scrape may show. Gauges are there once the module that declares them is."""
    counted = (
        f"{metric.name}{suffix}"
        for metric in REGISTRY.collect()
        if metric.name.startswith("claw_")
        for suffix in _SUFFIXES.get(metric.type, ("",))
    )
    looked_up = (f"{gauge.name}_total" if gauge.only_grows else gauge.name for gauge in GAUGES.values())
    return frozenset([*counted, *looked_up])
