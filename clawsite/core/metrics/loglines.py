"""Counts the lines of the log that warn of something.

A line may be logged at any moment, also while a metric is being written and its lock is held: by what the garbage
collector finds, or by a handler of a signal. So lines are only noted here, and written to the metric now and then.
"""

from __future__ import annotations

import logging
from collections import Counter

from clawsite.core.metrics.counts import LOG_LINES

_noted: Counter[str] = Counter()


class LineCounter(logging.Handler):
    """Notes every record that it gets. Settings give it those from WARNING on."""

    def emit(self, record: logging.LogRecord) -> None:
        """Note one line."""
        _noted[record.levelname.lower()] += 1


def write_lines() -> None:
    """Write what was noted since the last time."""
    for level in list(_noted):
        LOG_LINES.labels(level).inc(_noted.pop(level, 0))
