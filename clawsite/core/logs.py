"""Log hygiene: tokens, keys and credentials never reach a log line, and one event stays one line."""

from __future__ import annotations

import logging

from clawsite.core.redaction import redact


class RedactFilter(logging.Filter):
    """Redacts the finished message, its arguments and the traceback of every record, and escapes line breaks."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Rewrite the record in place; never drop it."""
        record.msg = redact(record.getMessage()).replace("\r", "\\r").replace("\n", "\\n")
        record.args = ()
        if record.exc_info and not record.exc_text:
            record.exc_text = redact(logging.Formatter().formatException(record.exc_info))
        return True
