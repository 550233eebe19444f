"""Log hygiene: tokens, keys and credentials never reach a log line, and one event stays one line."""

from __future__ import annotations

import logging

from clawsite.core.redaction import redact


class RedactFilter(logging.Filter):
    """Redacts the finished message, its arguments and the traceback of every record, and escapes line breaks."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Rewrite the record in place; never drop it and never fail, because whoever logs would fail with it."""
        record.msg = redact(_message_of(record)).replace("\r", "\\r").replace("\n", "\\n")
        record.args = ()
        if record.exc_info and not record.exc_text:
            record.exc_text = redact(logging.Formatter().formatException(record.exc_info))
        return True


def _message_of(record: logging.LogRecord) -> str:
    """Return the message with its arguments; without them when they do not fit it."""
    try:
        return record.getMessage()
    except Exception:  # arguments of any type, shown by code of anybody
        return f"{record.msg} (its arguments do not fit)"
