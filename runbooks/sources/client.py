"""One question to a source of a system: its credentials, its breaker, a second try for what may be asked again.

`prepare` and what is noted of the outcome use the database, `put` only the network, so that a loop can put many
questions at once and do its database work elsewhere; `ask` is all three, for jobs.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypedDict, Unpack
from urllib.parse import urlencode

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from clawsite.core.errors import BadInput, Unavailable
from clawsite.core.jitter import jitter
from clawsite.core.retry import told_wait
from guardrails.http import Reply, acall
from runbooks.models import MonitoredSystem
from runbooks.sources.breaker import check_breaker, note_failure, note_success
from runbooks.sources.credentials import headers_for

SECONDS = 10.0
MAX_BYTES = 8 * 1024 * 1024
# Waits before the second and the third try.
WAITS = (0.2, 0.8)
_OVERLOADED = frozenset({429, 500, 502, 503, 504})
_NAMES = {
    "health": gettext_noop("The health address"),
    "stats": gettext_noop("The stats address"),
    "prometheus": "Prometheus",
    "alertmanager": "Alertmanager",
}


def is_served(reply: Reply) -> bool:
    """Tell whether an answer is one of a server that works."""
    return reply.status not in _OVERLOADED


@dataclass(frozen=True, kw_only=True, slots=True)
class Question:
    """A request that is ready to be sent. What `is_answer` does not take for an answer is a failure."""

    url: str
    method: str = "GET"
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes = b""
    waits: tuple[float, ...] = WAITS
    seconds: float = SECONDS
    is_answer: Callable[[Reply], bool] = is_served


class Asked(TypedDict, total=False):
    """What can be said about a question. A `form` is posted; what is not `repeatable` is tried once."""

    query: Mapping[str, str]
    form: Mapping[str, str]
    method: str
    body: bytes
    repeatable: bool
    is_answer: Callable[[Reply], bool]
    seconds: float


def ask(system: MonitoredSystem, source: str, path: str = "", **asked: Unpack[Asked]) -> Reply:
    """Ask `<source>_url` + path and return the answer; up to three tries share the time.

    Raises BadInput when there is no address, Unavailable when there is no answer now.
    """
    question = prepare(system, source, path, **asked)
    try:
        reply = asyncio.run(put(question))
    except Unavailable as error:
        note_failure(system, source, error.message, retry_after=error.retry_after)
        raise
    note_success(system, source)
    return reply


def prepare(system: MonitoredSystem, source: str, path: str = "", **asked: Unpack[Asked]) -> Question:
    """Return a question that may be put now; raises BadInput without an address, Unavailable by the breaker."""
    query = asked.get("query")
    url = address_of(system, source) + path + (f"?{urlencode(query)}" if query else "")
    headers, body, method = headers_for(system.credentials, source), asked.get("body", b""), asked.get("method", "GET")
    if "form" in asked:
        method, body = "POST", urlencode(asked["form"]).encode()
        headers["Content-Type"] = "application/x-www-form-urlencoded"
    elif body:
        headers["Content-Type"] = "application/json"
    check_breaker(system, source)
    return Question(
        url=url,
        method=method,
        headers=headers,
        body=body,
        waits=WAITS if asked.get("repeatable", True) else (),
        seconds=asked.get("seconds", SECONDS),
        is_answer=asked.get("is_answer", is_served),
    )


def address_of(system: MonitoredSystem, source: str) -> str:
    """Return the address of a source without a closing slash; BadInput when the system has none."""
    url = str(getattr(system, f"{source}_url"))
    if not url:
        raise BadInput(_("The system {name} has no address of {source}.").format(name=system.name, source=source))
    return url.rstrip("/")


async def put(question: Question) -> Reply:
    """Ask, and ask again after each of the waits while there is time; raises Unavailable."""
    end = time.monotonic() + question.seconds
    waits = list(question.waits)
    while True:
        try:
            return await _once(question, end - time.monotonic())
        except Unavailable as error:
            pause = max(jitter(waits.pop(0)), error.retry_after or 0.0) if waits else None
            if pause is None or time.monotonic() + pause >= end:
                raise
        await asyncio.sleep(pause)


async def _once(question: Question, seconds: float) -> Reply:
    reply = await acall(
        question.url,
        method=question.method,
        headers=question.headers,
        body=question.body,
        seconds=max(0.1, round(seconds, 1)),
        max_bytes=MAX_BYTES,
    )
    if not question.is_answer(reply):
        told = told_wait(reply.headers)
        raise Unavailable(f"It answered with status {reply.status}.", retry_after=told)
    return reply


def check_status(reply: Reply, source: str) -> None:
    """Raise BadInput for an answer that is a refusal; the sentence names the status and what most often explains it."""
    if reply.status < 300:
        return
    values = {"name": _(_NAMES[source]), "status": reply.status}
    if reply.status == 401:
        raise BadInput(_("{name} answered with status 401 (the credentials are missing or wrong).").format(**values))
    if reply.status == 403:
        raise BadInput(_("{name} answered with status 403 (the credentials do not allow it).").format(**values))
    raise BadInput(_("{name} answered with status {status}.").format(**values))
