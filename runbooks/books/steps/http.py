"""Asking a service over HTTP and checking what it answers: status, parts of its JSON, words of its text."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import Annotated, Any, Literal
from urllib.parse import quote, urlencode, urlsplit

import msgspec
from django.conf import settings
from msgspec import Meta

from clawsite.core.crypto import check_secret
from clawsite.core.errors import BadInput
from clawsite.core.models import Secret
from guardrails.http import Reply, call
from guardrails.secrets import register_secret
from runbooks.books.spec import BookError
from runbooks.books.steps.base import StepContext, StepFailed, StepKind
from runbooks.books.steps.conditions import Condition, check_condition, find_value, holds
from runbooks.books.substitution import as_text
from runbooks.models import MonitoredSystem
from runbooks.sources.credentials import headers_for

SELF = "self"
SECONDS = 30.0
SHOWN_CHARS = 2000
_DOTS = frozenset({".", ".."})

Status = Annotated[int, Meta(ge=100, le=599)]
Part = str | int | float | bool


class FromSecret(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """The value of a header from a stored secret, after a few words such as `Bearer `.

    Only secrets named for runbooks can be used, so that no runbook sends away another one.
    """

    secret: Annotated[str, Meta(pattern=r"^RUNBOOK_[A-Z0-9_]{1,50}$")]
    prefix: str = ""


class Expect(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """What must be so. json: conditions on parts of the answer, such as {path: checks.0.status, value: ok}."""

    status: list[Status] = msgspec.field(default_factory=lambda: [200, 201, 202, 204])
    json: Annotated[list[Condition], Meta(max_length=20)] = []
    contains: str = ""


class Http(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """What is asked. url: a whole address, without parameters; or base: the name of a monitored system, or `self` for
    this installation. path: segments, each quoted by itself. json: the body."""

    method: Literal["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"] = "GET"
    url: Annotated[str, Meta(max_length=2000)] = ""
    base: Annotated[str, Meta(max_length=64)] = ""
    path: Annotated[list[Part], Meta(max_length=20)] = []
    query: dict[str, Part] = {}
    headers: dict[str, Part | FromSecret] = {}
    json: Any = None
    body: str = ""
    expect: Expect = msgspec.field(default_factory=Expect)


def run(ctx: StepContext, given: Http) -> str:
    """Ask once and check the answer."""
    started = time.monotonic()
    reply = ask(given, seconds=min(ctx.left, SECONDS))
    if reply.text:
        ctx.say(reply.text[:SHOWN_CHARS])
    check_reply(reply, given.expect)
    return f"{reply.status}, {(time.monotonic() - started) * 1000:.0f} ms"


def ask(given: Http, *, seconds: float) -> Reply:
    """Send the request, with the credentials of the system it goes to; any status is an answer."""
    headers = _credentials(given.base) | {name: _header(value) for name, value in given.headers.items()}
    body = given.body.encode()
    if given.json is not None:
        body = json.dumps(given.json, ensure_ascii=False).encode()
        headers.setdefault("Content-Type", "application/json")
    return call(address(given), method=given.method, headers=headers, body=body, seconds=seconds)


def address(given: Http) -> str:
    """Return the whole address; BadInput for a segment that would lead to another folder."""
    root = given.url or _root(given.base)
    segments = [as_text(each) for each in given.path]
    if not _DOTS.isdisjoint(segments):
        raise BadInput("A part of the path must not be . or .. .")
    path = "/".join(quote(each, safe="") for each in segments)
    query = urlencode({name: as_text(value) for name, value in given.query.items()})
    root = root if not path else f"{root.rstrip('/')}/{path}"
    return f"{root}{'&' if '?' in root else '?'}{query}" if query else root


def _root(base: str) -> str:
    """Return scheme, host and port of a base."""
    if base == SELF:
        host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(settings.CLAW_HOST, settings.CLAW_HOST)  # noqa: S104
        return f"http://{host}:{settings.CLAW_PORT}"
    system = find_system(base)
    parts = urlsplit(system.health_url)
    if not parts.netloc:
        raise BadInput(f"The system {system.name} has no address of its own.")
    return f"{parts.scheme}://{parts.netloc}"


def _credentials(base: str) -> dict[str, str]:
    return headers_for(find_system(base).credentials, "health") if base and base != SELF else {}


def find_system(name: str) -> MonitoredSystem:
    """Return the monitored system of this name; BadInput when there is none."""
    system = MonitoredSystem.objects.filter(name=name, enabled=True).first()
    if system is None:
        raise BadInput(f"There is no monitored system named {name[:64]!r}.")
    return system


def _header(value: Part | FromSecret) -> str:
    if not isinstance(value, FromSecret):
        return as_text(value)
    row = Secret.objects.filter(name=value.secret).first()
    if row is None:
        raise BadInput(f"There is no stored secret named {value.secret}.")
    secret = check_secret(row.value)
    register_secret(secret)
    return f"{value.prefix}{secret}"


def check_reply(reply: Reply, expect: Expect) -> None:
    """Raise StepFailed for an answer that is not as it must be."""
    if reply.status not in expect.status:
        raise StepFailed(f"It answered with the status {reply.status}.")
    if expect.contains and expect.contains not in reply.text:
        raise StepFailed(f"The answer does not hold {expect.contains[:80]!r}.")
    if not expect.json:
        return
    try:
        answer = reply.json()
    except BadInput as error:
        raise StepFailed(error.message) from None
    for condition in expect.json:
        value = find_value(answer, condition.path)
        if not holds(value, condition):
            raise StepFailed(f"{condition.path or 'The answer'} is {str(value)[:80]}, not {condition.words}.")


def check(given: Http, step: Mapping[str, Any]) -> None:
    """One address, which no parameter is part of: who runs it must not choose where secrets are sent."""
    if bool(given.url) == bool(given.base):
        raise BookError("give either url or base", ("with",))
    if given.url and (urlsplit(given.url).scheme not in ("http", "https") or "{" in step["with"].get("url", "")):
        raise BookError("url is a whole http or https address without parameters", ("with", "url"))
    if "{" in step["with"].get("base", "") and any(isinstance(each, FromSecret) for each in given.headers.values()):
        raise BookError("a secret goes to a base that is written out", ("with", "base"))
    if given.json is not None and given.body:
        raise BookError("give either json or body", ("with",))
    for number, condition in enumerate(given.expect.json):
        check_condition(condition, ("with", "expect", "json", number))


def describe(given: Http) -> str:
    """Show method, address and what is sent."""
    sent = json.dumps(given.json, ensure_ascii=False) if given.json is not None else " ".join(given.body.split())
    try:
        where = address(given)
    except BadInput:
        where = f"{given.base}/{'/'.join(as_text(each) for each in given.path)}"
    return " ".join(part for part in (given.method, where, sent) if part)


HTTP = StepKind(
    name="http",
    params=Http,
    run=run,
    describe=describe,
    repeatable=lambda given: given.method in ("GET", "HEAD"),
    check=check,
)
