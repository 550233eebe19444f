"""Where this code is: in which trace, for which session and job, inside which span. Costs one context variable.

Context variables follow tasks by themselves; `carry` takes them into a thread. A trace is one object wherever it is
looked at, so ids that become known later (the session of a message) are on every line from then on.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, TypeVar

R = TypeVar("R")


@dataclass(kw_only=True, slots=True)
class Trace:
    """One trace. `root` is its first span once that is open; what ended before then waits in `early`."""

    trace_id: str
    session: str = ""
    job: str = ""
    root: Any = None
    early: list[tuple[str, int, int, dict[str, Any]]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Place:
    """A trace, and the span inside it that the next one is a part of; None is the root."""

    trace: Trace
    span: Any = None


place: ContextVar[Place | None] = ContextVar("place in a trace", default=None)


def new_trace_id() -> str:
    """Return a fresh id: sixteen hexadecimal digits."""
    return secrets.token_hex(8)


def trace_id() -> str:
    """Return the id of the trace around this code, or "" outside of any."""
    here = place.get()
    return here.trace.trace_id if here else ""


def ids() -> dict[str, str]:
    """Return the ids that a log line carries here."""
    here = place.get()
    if here is None:
        return {}
    found = {"trace_id": here.trace.trace_id, "session": here.trace.session, "job": here.trace.job}
    return {key: value for key, value in found.items() if value}


def carry(work: Callable[[], R]) -> Callable[[], R]:
    """Return the work, to be called in another thread at the place where it was ordered."""
    here = place.get()
    if here is None:
        return work

    def there() -> R:
        token = place.set(here)
        try:
            return work()
        finally:
            place.reset(token)

    return there
