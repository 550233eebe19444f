"""Names of metrics in expressions, and those that exist."""

from __future__ import annotations

import re

import clawsite.web.report  # noqa: F401 - its modules declare the gauges
from clawsite.core import metrics

OURS = re.compile(r"\bclaw_\w+")


def unknown_in(expressions: list[str]) -> list[str]:
    """Return the names of ours in PromQL that no scrape shows."""
    known = metrics.names()
    return sorted({name for text in expressions for name in OURS.findall(text) if name not in known})
