"""One question to a source of a system: its credentials, its breaker, a second try for what may be asked again."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from urllib.parse import urlencode

from clawsite.core.errors import BadInput, Unavailable
from clawsite.core.jitter import jitter
from guardrails.http import Reply, call
from runbooks.models import MonitoredSystem
from runbooks.sources.breaker import check_breaker, note_failure, note_success
from runbooks.sources.credentials import headers_for

SECONDS = 10.0
MAX_BYTES = 8 * 1024 * 1024
# Waits before the second and the third try.
WAITS = (0.2, 0.8)
_OVERLOADED = frozenset({429, 500, 502, 503, 504})
_NAMES = {
    "health": "The health address",
    "stats": "The stats address",
    "prometheus": "Prometheus",
    "alertmanager": "Alertmanager",
}


def is_served(reply: Reply) -> bool:
    """Tell whether an answer is one of a server that works."""
    return reply.status not in _OVERLOADED


def ask(
    system: MonitoredSystem,
    source: str,
    path: str = "",
    *,
    query: Mapping[str, str] | None = None,
    form: Mapping[str, str] | None = None,
    method: str = "",
    body: bytes = b"",
    repeatable: bool = True,
    is_answer: Callable[[Reply], bool] = is_served,
    seconds: float = SECONDS,
) -> Reply:
    """Ask `<source>_url` + path and return what `is_answer` takes for one; anything else is a failure.

    A `form` is posted. What is `repeatable` is tried three times.
    Raises BadInput when there is no address, Unavailable when there is no answer now.
    """
    url = address_of(system, source) + path + (f"?{urlencode(query)}" if query else "")
    headers = headers_for(system.credentials, source)
    if form is not None:
        method, body = method or "POST", urlencode(form).encode()
        headers["Content-Type"] = "application/x-www-form-urlencoded"
    elif body:
        headers["Content-Type"] = "application/json"
    check_breaker(system, source)
    waits = WAITS if repeatable else ()
    try:
        reply = _try(url, method or "GET", headers, body, waits, is_answer, seconds)
    except Unavailable as error:
        note_failure(system, source, error.message)
        raise
    note_success(system, source)
    return reply


def address_of(system: MonitoredSystem, source: str) -> str:
    """Return the address of a source without a closing slash; BadInput when the system has none."""
    url = str(getattr(system, f"{source}_url"))
    if not url:
        raise BadInput(f"The system {system.name} has no address of {source}.")
    return url.rstrip("/")


def _try(
    url: str,
    method: str,
    headers: Mapping[str, str],
    body: bytes,
    waits: tuple[float, ...],
    is_answer: Callable[[Reply], bool],
    seconds: float,
) -> Reply:
    """Ask, and ask again after each of the waits; the tries share the time."""
    end = time.monotonic() + seconds
    for wait in (*waits, None):
        try:
            left = max(0.1, end - time.monotonic())
            reply = call(url, method=method, headers=headers, body=body, seconds=left, max_bytes=MAX_BYTES)
            if is_answer(reply):
                return reply
            raise Unavailable(f"It answered with status {reply.status}.")
        except Unavailable:
            if wait is None or time.monotonic() + wait >= end:
                raise
        time.sleep(jitter(wait))
    raise AssertionError("unreachable")


def check_status(reply: Reply, source: str) -> None:
    """Raise BadInput for an answer that is a refusal; the sentence names the status and what most often explains it."""
    if reply.status < 300:
        return
    reason = {401: "the credentials are missing or wrong", 403: "the credentials do not allow it"}.get(reply.status, "")
    text = f" ({reason})" if reason else ""
    raise BadInput(f"{_NAMES[source]} answered with status {reply.status}{text}.")
