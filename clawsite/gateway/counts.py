"""Counters of the gateway. They are added up in a dict and written to the metrics once a second: that is cheap."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable
from typing import TypeVar

from clawsite.core.metrics import GATEWAY_DROPPED, GATEWAY_REFUSALS, GATEWAY_REQUESTS
from clawsite.rpc.frames import ErrorShape

K = TypeVar("K", bound=Hashable)

_requests: Counter[tuple[str, str]] = Counter()
_dropped: Counter[str] = Counter()
_refused: Counter[str] = Counter()


def request(method: str, outcome: str) -> None:
    """Count a request. `method` is a registered name or "unknown"."""
    _requests[method, outcome] += 1


def dropped(event: str) -> None:
    """Count an event that a slow client missed."""
    _dropped[event] += 1


def slow() -> None:
    """Count a client that was closed because it did not read."""
    _refused["slow consumer"] += 1


def refused(shape: ErrorShape) -> None:
    """Count a handshake that ended with an error, by its code."""
    details = shape.details if isinstance(shape.details, dict) else {}
    _refused[str(details.get("code", shape.code))] += 1


def write() -> None:
    """Write what was counted since the last time."""
    for (method, outcome), number in _take(_requests):
        GATEWAY_REQUESTS.labels(method, outcome).inc(number)
    for event, number in _take(_dropped):
        GATEWAY_DROPPED.labels(event).inc(number)
    for code, number in _take(_refused):
        GATEWAY_REFUSALS.labels(code).inc(number)


def _take(counter: Counter[K]) -> list[tuple[K, int]]:
    found = list(counter.items())
    counter.clear()
    return found
