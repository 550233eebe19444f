"""Log lines as JSON, one object a line, for Loki and its like. Imported only with CLAW_LOG_FORMAT=json.

What is logged stays the standard library's; structlog only writes it. The handler's filter has removed secrets before.
"""

from __future__ import annotations

import logging
from collections.abc import MutableMapping
from datetime import UTC, datetime
from typing import Any

import structlog

from clawsite.core.tracing import ids


def make_formatter() -> logging.Formatter:
    """Return the formatter that settings name."""
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[_describe],
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ],
    )


def _describe(_: Any, level: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Return the fields of a line. Its traceback is the one that the filter has cleaned, not the error itself."""
    record: logging.LogRecord = event["_record"]
    fields: dict[str, Any] = {
        "ts": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
        "level": level,
        "logger": record.name,
        "pid": record.process,
        "message": event["event"],
        **ids(),
    }
    if record.exc_text:
        fields["exception"] = record.exc_text
    return {**fields, "_record": record, "_from_structlog": False}
