"""When to ask again: after what a service says in its answer, else after a growing wait with jitter."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

LONGEST_SECONDS = 3600.0
UNTOLD_SECONDS = 60.0


def told_wait(headers: Mapping[str, str]) -> float | None:
    """Return the seconds that an answer asks us to wait (retry-after, in seconds or as a date); None: it does not.

    Names of headers are in lower case. It is an hour at most.
    """
    told = headers.get("retry-after", "").strip()
    if not told:
        return None
    return _bounded(float(told[:9]) if told.isascii() and told.isdecimal() else _until(told))


def rate_wait(headers: Mapping[str, str]) -> float:
    """Return how long to wait after a refusal for the rate: as told, else when the rate begins anew, else a minute."""
    told = told_wait(headers)
    if told is not None:
        return told
    reset = headers.get("x-ratelimit-reset", headers.get("ratelimit-reset", ""))
    is_number = reset.isascii() and reset.isdecimal()
    return _bounded(float(reset[:12]) - time.time()) if is_number else UNTOLD_SECONDS


def _until(date: str) -> float:
    try:
        moment = parsedate_to_datetime(date)
    except (TypeError, ValueError):
        return UNTOLD_SECONDS
    return (moment.replace(tzinfo=moment.tzinfo or UTC) - datetime.now(UTC)).total_seconds()


def _bounded(seconds: float) -> float:
    return min(LONGEST_SECONDS, max(0.0, seconds))
