"""Asking over HTTP whether an environment is well. claw.yaml names the address, and what it says comes from whoever
works on the project: a private address is asked only where an admin put its host on the environment's page.
"""

from __future__ import annotations

import asyncio
import time
from urllib.parse import urlsplit

import msgspec
from django.conf import settings

from clawsite.core.errors import ClawError
from guardrails.http import fetch
from runbooks.books.steps import StepContext, StepFailed, StepKind
from runbooks.models import Environment

EVERY_SECONDS = 2.0
ONE_SECONDS = 10.0


class Probe(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """The address of an environment, and how long it may take until it answers well."""

    environment: int
    url: str
    seconds: float


def run(ctx: StepContext, given: Probe) -> str:
    """Wait until it answers well."""
    return wait_healthy(ctx, given)


def wait_healthy(ctx: StepContext, given: Probe) -> str:
    """Ask until the answer is a good one; StepFailed with the last answer when the time is over."""
    hosts = _hosts(Environment.objects.get(pk=given.environment))
    ends = time.monotonic() + min(given.seconds, ctx.left)
    while True:
        ctx.check()
        started = time.monotonic()
        said = _ask(given.url, hosts, seconds=max(0.5, min(ONE_SECONDS, ends - started)))
        if isinstance(said, int) and 200 <= said < 300:
            return f"{said}, {(time.monotonic() - started) * 1000:.0f} ms"
        if time.monotonic() + EVERY_SECONDS >= ends:
            raise StepFailed(f"It is not healthy: {f'status {said}' if isinstance(said, int) else said}")
        ctx.wait(EVERY_SECONDS)


def _ask(url: str, hosts: list[str], *, seconds: float) -> int | str:
    """Return the status that was answered, or why there was none."""
    try:
        return asyncio.run(fetch(url, seconds=seconds, allow_private_hosts=hosts)).status
    except ClawError as error:
        return error.message


def _hosts(environment: Environment) -> list[str]:
    granted = urlsplit(environment.url).netloc
    return [*settings.CLAW_PRIVATE_HOSTS, *([granted] if granted else [])]


HEALTH = StepKind(
    name="deploy_health",
    params=Probe,
    run=run,
    describe=lambda given: f"GET {given.url} …",
    seconds=lambda given: given.seconds,
)
