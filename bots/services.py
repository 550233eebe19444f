"""The outside services of this layer: the models in use, and the platforms that people write from."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from functools import partial

from django.conf import settings
from django.utils import translation

from bots.agent.keys import get_key, needs_key, secret_name
from bots.agent.targets import SERVICE as MODEL
from bots.agent.targets import list_targets
from bots.channels.registry import get_adapter
from bots.probe import probe_channel, probe_model
from clawsite.core.models import Secret
from clawsite.core.services import (
    Ask,
    Probe,
    ServiceReport,
    register_probe,
    register_service,
    register_services,
    states_of,
)
from sessions_app.models import Channel

# Calls to a platform, and the loop that asks it for what people wrote.
CHANNEL, POLLING = "channel", "polling"


# A sender tries again every few seconds; only when it has nothing to send the account is asked who it is.
CHANNEL_SILENT_SECONDS = 30.0


def register() -> None:
    """Add them to the list, and say how they are asked by the way: in the bots role, which has loaded their SDKs."""
    register_services(MODEL, read_models)
    register_service(CHANNEL, _account_names)
    register_service(POLLING, lambda: [row.name for row in _accounts() if _polls(row)])
    register_probe(Probe(kind=MODEL, names=_model_names, prepare=_prepare_model, role="bots"))
    register_probe(
        Probe(kind=CHANNEL, names=_account_names, prepare=_prepare_channel, silent=CHANNEL_SILENT_SECONDS, role="bots")
    )


def read_models(now: datetime) -> list[ServiceReport]:
    """Tell of the models that can be called, each with the next one that answers in its place."""
    names = _model_names()
    found = states_of(MODEL, names, now=now)
    well = [name for name, each in zip(names, found, strict=True) if not each.is_failing]
    instead = {name: next(iter(well), "") for name, each in zip(names, found, strict=True) if each.is_failing}
    return states_of(MODEL, names, now=now, fallbacks=instead) if instead else found


def _model_names() -> list[str]:
    return [target.name for target in list_targets() if not needs_key(target) or _has_key(secret_name(target))]


def _prepare_model(name: str) -> Ask:
    target = next(target for target in list_targets() if target.name == name)
    return partial(_in_english, partial(probe_model, target, key=get_key(target)))


def _prepare_channel(name: str) -> Ask:
    return partial(_in_english, partial(probe_channel, Channel.objects.get(name=name)))


def _in_english(ask: Callable[[], object]) -> None:
    """Ask; what is wrong is kept in English, and said in the language of whoever reads it."""
    with translation.override(None):
        ask()


def _has_key(name: str) -> bool:
    return bool(settings.ANTHROPIC_API_KEY) or Secret.objects.filter(name=name).exists()


def _account_names() -> list[str]:
    return [row.name for row in _accounts()]


def _accounts() -> Iterable[Channel]:
    """Return the accounts of platforms; what is served by this very system is no outside service."""
    rows = Channel.objects.filter(enabled=True).defer("token", "webhook_secret")
    return [row for row in rows if is_outside(row.kind)]


def is_outside(kind: str) -> bool:
    """Tell whether channels of a kind are somebody else's service."""
    return not get_adapter(kind).capabilities.live


def _polls(row: Channel) -> bool:
    return (row.config.get("mode") or settings.TELEGRAM_MODE) != "webhook"
