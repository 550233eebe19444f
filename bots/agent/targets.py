"""Which models a turn may use, in order: what the session chose, then CLAW_MODELS.

A chat user can choose a model by name, never an address: only addresses that stand in the settings are
called.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from urllib.parse import urlsplit

from django.conf import settings
from django.utils import timezone

from bots.agent.keys import find_key, get_key, has_key_in_settings, needs_key
from bots.agent.prices import find_model
from bots.agent.types import Target
from bots.breaker import Breakers, State
from clawsite.core.models import ServiceState
from clawsite.core.services import Teller

DEFAULT_WINDOW = 200_000
OWN_WINDOW = 32_000  # a server of one's own cuts longer prompts silently

SERVICE = "model"

breakers = Breakers()
# What this process sees of the models, for all others.
teller = Teller(SERVICE)


def parse_target(entry: str) -> Target:
    """Return the target of "model" or "model@base-url"."""
    model, at, url = entry.partition("@")
    if at and not urlsplit(url).scheme:
        return Target(model=entry)
    return Target(model=model.strip(), base_url=url.strip().rstrip("/").removesuffix("/v1"))


def list_targets() -> tuple[Target, ...]:
    """Return the configured targets in order."""
    return tuple(parse_target(entry) for entry in settings.CLAW_MODELS)


def targets_for(session_model: str = "") -> tuple[Target, ...]:
    """Return the targets of a session: its own choice first, then the others for failover."""
    known = list_targets()
    if not session_model:
        return known
    own = next((t for t in known if session_model in (t.name, t.model)), None)
    if own is None and "@" not in session_model:
        own = Target(model=session_model)
    return (own, *(t for t in known if t != own)) if own else known


async def usable_targets(targets: Sequence[Target]) -> tuple[Target, ...]:
    """Return those that can be called at all: with a key, or at an address that may need none."""
    return tuple([target for target in targets if not needs_key(target) or await find_key(target)])


def get_usable_targets(targets: Sequence[Target]) -> tuple[Target, ...]:
    """Return the same, as it stands now. Asks the database."""
    return tuple(target for target in targets if not needs_key(target) or get_key(target))


def recall_breakers(now: datetime | None = None) -> None:
    """Leave alone what others leave alone: a process that begins does not find out anew what does not answer.

    Asks the database. What this process has found out by itself counts more.
    """
    moment = now or timezone.now()
    for row in ServiceState.objects.filter(kind=SERVICE, open_until__gt=moment):
        own = breakers.of(row.name)
        if own.state == "closed" and row.open_until is not None:
            own.trip((row.open_until - moment).total_seconds())


async def is_configured() -> bool:
    """Tell whether any model can be called."""
    return bool(await usable_targets(list_targets()))


def is_configured_here() -> bool:
    """Tell whether the settings of this very process are enough for that, without a stored key. Asks nobody."""
    return any(not needs_key(target) or has_key_in_settings(target) for target in list_targets())


def context_window(target: Target) -> int:
    """Return how many tokens the model can read."""
    found = find_model(target.model)
    if found:
        return found.window
    return OWN_WINDOW if target.base_url or settings.ANTHROPIC_BASE_URL else DEFAULT_WINDOW


def by_price(targets: Sequence[Target]) -> tuple[Target, ...]:
    """Return the targets, cheapest first, for small jobs behind the answer; servers of one's own cost nothing."""

    def price(target: Target) -> float:
        found = find_model(target.model)
        return found.input if found else (0.0 if target.base_url else 1000.0)

    return tuple(sorted(targets, key=price))


def states() -> dict[str, State]:
    """Return the breaker state of every target that was ever called, for /status and metrics."""
    return breakers.states()
