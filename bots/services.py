"""The outside services of this layer: the models in use, and the platforms that people write from."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from django.conf import settings

from bots.agent.keys import needs_key, secret_name
from bots.agent.targets import SERVICE as MODEL
from bots.agent.targets import list_targets
from bots.channels.registry import get_adapter
from clawsite.core.models import Secret
from clawsite.core.services import ServiceReport, register_service, register_services, states_of
from sessions_app.models import Channel

# Calls to a platform, and the loop that asks it for what people wrote.
CHANNEL, POLLING = "channel", "polling"


def register() -> None:
    """Add them to the list."""
    register_services(MODEL, read_models)
    register_service(CHANNEL, lambda: [row.name for row in _accounts()])
    register_service(POLLING, lambda: [row.name for row in _accounts() if _polls(row)])


def read_models(now: datetime) -> list[ServiceReport]:
    """Tell of the models that can be called, each with the next one that answers in its place."""
    names = [target.name for target in list_targets() if not needs_key(target) or _has_key(secret_name(target))]
    found = states_of(MODEL, names, now=now)
    well = [name for name, each in zip(names, found, strict=True) if not each.is_failing]
    instead = {name: next(iter(well), "") for name, each in zip(names, found, strict=True) if each.is_failing}
    return states_of(MODEL, names, now=now, fallbacks=instead) if instead else found


def _has_key(name: str) -> bool:
    return bool(settings.ANTHROPIC_API_KEY) or Secret.objects.filter(name=name).exists()


def _accounts() -> Iterable[Channel]:
    """Return the accounts of platforms; what is served by this very system is no outside service."""
    rows = Channel.objects.filter(enabled=True).defer("token", "webhook_secret")
    return [row for row in rows if is_outside(row.kind)]


def is_outside(kind: str) -> bool:
    """Tell whether channels of a kind are somebody else's service."""
    return not get_adapter(kind).capabilities.live


def _polls(row: Channel) -> bool:
    return (row.config.get("mode") or settings.TELEGRAM_MODE) != "webhook"
