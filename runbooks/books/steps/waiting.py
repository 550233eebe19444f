"""Waiting: for a time, or until a check holds. A long wait parks the job, so nothing runs meanwhile."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Annotated, Any

import msgspec
from django.utils import timezone
from msgspec import Meta

from clawsite.core.errors import ClawError
from runbooks.books.spec import BookError
from runbooks.books.steps import http, prometheus
from runbooks.books.steps.base import Outcome, StepContext, StepFailed, StepKind
from runbooks.books.steps.http import Http
from runbooks.books.steps.prometheus import Prometheus
from runbooks.jobs import Park

# A process for so long is cheaper than to begin again.
PARK_SECONDS = 20.0


class Wait(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """For how many seconds; or, with http or prometheus, until that holds, asked every so many seconds.

    The step's timeout is how long a check is waited for.
    """

    seconds: Annotated[float, Meta(ge=0, le=86_400)] | None = None
    every: Annotated[float, Meta(ge=0.1, le=3600)] = 2.0
    http: Http | None = None
    prometheus: Prometheus | None = None


def run(ctx: StepContext, given: Wait) -> Outcome:
    """Wait, or ask until it holds."""
    now = timezone.now()
    asks = given.http is not None or given.prometheus is not None
    if "until" not in ctx.marks:
        ctx.marks["until"] = (now + timedelta(seconds=ctx.left if asks else seconds(given))).isoformat()
        ctx.keep()
    until = datetime.fromisoformat(ctx.marks["until"])
    return _ask(ctx, given, until) if asks else _sleep(ctx, until)


def _sleep(ctx: StepContext, until: datetime) -> Outcome:
    left = (until - timezone.now()).total_seconds()
    if left > PARK_SECONDS:
        return Park(until=until)
    if left > 0:
        ctx.wait(left)
    return ""


def _ask(ctx: StepContext, given: Wait, until: datetime) -> Outcome:
    while True:
        ctx.check()
        try:
            return http.run(ctx, given.http) if given.http else prometheus.run(ctx, _not_none(given.prometheus))
        except ClawError as error:
            reason = error.message
        left = (until - timezone.now()).total_seconds()
        parks = given.every > PARK_SECONDS  # which asks a last time at the end
        if left <= (0.0 if parks else given.every):
            raise StepFailed(f"It was waited for in vain. {reason}")
        if parks:
            return Park(until=timezone.now() + timedelta(seconds=min(given.every, left)))
        ctx.wait(given.every)


def _not_none(given: Prometheus | None) -> Prometheus:
    if given is None:
        raise StepFailed("There is nothing to wait for.")
    return given


def check(given: Wait, step: Mapping[str, Any]) -> None:
    """One thing to wait for."""
    if (given.seconds is not None) + (given.http is not None) + (given.prometheus is not None) != 1:
        raise BookError("give one of seconds, http and prometheus", ("with",))
    for name, part, kind in (("http", given.http, http.HTTP), ("prometheus", given.prometheus, prometheus.PROMETHEUS)):
        if part is not None:
            if not kind.repeatable(part) and step.get("repeatable") is not True:
                raise BookError(
                    "what is asked again and again must be repeatable: say repeatable: true", ("with", name)
                )
            try:
                kind.check(part, {**step, "with": step["with"][name]})
            except BookError as error:
                raise BookError(error.message, ("with", name, *error.place[1:])) from None


def describe(given: Wait) -> str:
    """Show what is waited for."""
    if given.http is not None:
        return f"{http.describe(given.http)} …"
    return f"{prometheus.describe(given.prometheus)} …" if given.prometheus else f"{seconds(given):g} s"


def seconds(given: Wait) -> float:
    """Return how long a wait for a time takes; 0 for one that the step's timeout ends."""
    return given.seconds or 0.0


WAIT = StepKind(name="wait", params=Wait, run=run, describe=describe, check=check, seconds=seconds)
