"""What Django is told of logging. Read by settings, so nothing heavy is imported here: classes are named as text."""

from __future__ import annotations

from pathlib import Path
from typing import Any

# Their own records are of no use below this.
_CHATTY = ("axes", "httpx", "httpx2", "httpcore", "httpcore2", "telegram", "anthropic", "daphne", "twisted")

_FORMATTERS = {
    "line": {
        "()": "clawsite.core.logs.LineFormatter",
        "format": "%(asctime)s %(levelname)s %(process)d %(name)s %(message)s",
    },
    "json": {"()": "clawsite.core.jsonlogs.make_formatter"},
}
FORMATS = tuple(_FORMATTERS)


def make_logging(*, level: str, form: str, path: Path, size: int) -> dict[str, Any]:
    """Return the dictionary for `logging`: lines to stderr and, unless `size` is 0, to one file of all processes.

    Secrets are removed by a filter on each handler that writes.
    """
    written: dict[str, Any] = {"filters": ["redact"], "formatter": "chosen"}
    file: dict[str, Any] = {"class": "clawsite.core.logs.LogFile", "path": path, "size": size}
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "filters": {"redact": {"()": "clawsite.core.logs.RedactFilter"}},
        "formatters": {"chosen": _FORMATTERS[form]},
        "handlers": {
            "stderr": {"class": "logging.StreamHandler", **written},
            "file": {**(file if size else {"class": "logging.NullHandler"}), **written},
            "count": {"class": "clawsite.core.metrics.loglines.LineCounter", "level": "WARNING"},
        },
        "root": {"handlers": ["stderr", "file", "count"], "level": level},
        "loggers": {name: {"level": "WARNING"} for name in _CHATTY},
    }
