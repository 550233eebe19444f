"""One question to a forge: bounded in time, tried again where that is safe, and never sooner than the forge says.

What was refused for the rate (429, or 403 with the rate's headers) was not done, so it may be asked again whatever it
is; what broke off may have been done, so only questions that change nothing are repeated.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, TypeVar

import msgspec

from clawsite.core.errors import BadInput, ClawError, NotAllowed, Unavailable
from clawsite.core.jitter import jitter
from clawsite.core.retry import rate_wait, told_wait
from guardrails.http import Reply, acall

T = TypeVar("T")

SECONDS = 15.0
MAX_BYTES = 4 * 1024 * 1024
WAITS = (0.3, 1.0)
# No wait within one question is longer; who has to wait longer is told so and comes back.
LONGEST_WAIT = 5.0
_BROKEN = frozenset({500, 502, 503, 504})
_MOST_WORDS = 200


class Throttled(Unavailable):
    """The forge wants to be left alone for `retry_after` seconds."""


class NotThere(BadInput):
    """The forge knows no such thing, or the token may not see it."""


class Conflicting(BadInput):
    """The forge does not do this in the state the thing is in."""


async def ask(
    url: str,
    *,
    headers: Mapping[str, str],
    name: str,
    method: str = "GET",
    body: object = None,
    seconds: float = SECONDS,
) -> Reply:
    """Ask a forge called `name` and return its answer; raises a ClawError for every refusal."""
    end = time.monotonic() + seconds
    waits = list(WAITS)
    data, sent = b"", dict(headers)
    if body is not None:
        data, sent = json.dumps(body).encode(), sent | {"Content-Type": "application/json"}
    while True:
        try:
            left = max(0.1, round(end - time.monotonic(), 1))
            reply = await acall(url, method=method, headers=sent, body=data, seconds=left, max_bytes=MAX_BYTES)
            _check_rate(reply, name)
            if reply.status in _BROKEN:
                told = told_wait(reply.headers)
                raise Unavailable(f"{name} answered with status {reply.status}.", retry_after=told)
        except Unavailable as error:
            pause = _pause(error, waits, repeatable=method == "GET")
            if pause is None or time.monotonic() + pause >= end:
                raise
            await asyncio.sleep(pause)
            continue
        _check_status(reply, name)
        return reply


def _pause(error: Unavailable, waits: list[float], *, repeatable: bool) -> float | None:
    """Return how long to wait before the next try; None when there is none."""
    throttled = isinstance(error, Throttled)
    if not waits or not (throttled or repeatable):
        return None
    pause = jitter(waits.pop(0))
    told = error.retry_after or 0.0
    return None if told > LONGEST_WAIT else max(pause, told)


def _check_rate(reply: Reply, name: str) -> None:
    """Raise Throttled for an answer that says: too often."""
    spent = reply.headers.get("x-ratelimit-remaining") == "0"
    told = "retry-after" in reply.headers
    if reply.status == 429 or (reply.status == 403 and (spent or told)):
        seconds = rate_wait(reply.headers)
        raise Throttled(f"{name} was asked too often and wants {seconds:.0f} seconds of rest.", retry_after=seconds)


def _check_status(reply: Reply, name: str) -> None:
    if reply.status < 300:
        return
    told = _words(reply)
    refusals: dict[int, ClawError] = {
        401: BadInput(f"{name} does not take the token: it is wrong or has expired."),
        403: NotAllowed(f"{name} does not allow this to the token{told}."),
        404: NotThere(f"{name} knows no such thing, or the token may not see it."),
        409: Conflicting(f"{name} does not do this as things stand{told}."),
    }
    raise refusals.get(reply.status) or BadInput(f"{name} answered with status {reply.status}{told}.")


def _words(reply: Reply) -> str:
    """Return what a refusal says in its own words, as one bounded line."""
    try:
        said = reply.json()
    except BadInput:
        return ""
    text = (said.get("message") or said.get("error")) if isinstance(said, dict) else ""
    line = " ".join(str(text).split()) if text else ""
    return f": {''.join(char for char in line if char.isprintable())[:_MOST_WORDS].rstrip('.')}" if line else ""


def decode(reply: Reply, kind: type[T], *, name: str) -> T:
    """Return an answer as what it should be; BadInput when something else answers there."""
    try:
        return msgspec.json.decode(reply.body, type=kind)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        raise BadInput(f"What answers there is not {name}.") from None


def moment_of(value: Any) -> datetime | None:
    """Return a time as forges write it (ISO, or `2016-08-12 15:23:28 UTC` in GitLab's webhooks), None for none."""
    if not isinstance(value, str) or not value or len(value) > 40:
        return None
    text = value.replace(" UTC", "+00:00")
    if len(text) > 6 and text[-6] == " " and text[-5] in "+-":
        text = text[:-6] + text[-5:]
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
