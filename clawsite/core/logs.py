"""Log hygiene: tokens, keys and credentials never reach a log line, and one event stays one line."""

from __future__ import annotations

import logging
import re

_SECRETS = re.compile(
    r"bot\d{6,12}:[\w-]{30,}"
    r"|\b\d{6,12}:[\w-]{30,}"
    r"|sk-[\w-]{16,}"
    r"|(?i:(?<=authorization: )|(?<=bearer )|(?<=x-api-key: ))[^\s\"']+"
    r"|(?<=://)[^\s/@]+:[^\s/@]+(?=@)"
    r"|(?i:(?<=token=)|(?<=password=)|(?<=secret=)|(?<=api_key=))[^\s&\"']+"
)


def redact(text: str) -> str:
    """Return the text with everything that looks like a secret replaced by [secret]."""
    return _SECRETS.sub("[secret]", text)


class RedactFilter(logging.Filter):
    """Redacts the finished message, its arguments and the traceback of every record, and escapes line breaks."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Rewrite the record in place; never drop it."""
        record.msg = redact(record.getMessage()).replace("\r", "\\r").replace("\n", "\\n")
        record.args = ()
        if record.exc_info and not record.exc_text:
            record.exc_text = redact(logging.Formatter().formatException(record.exc_info))
        return True
