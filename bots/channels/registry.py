"""The kinds of channel there are. A new one is a package and a line here."""

from __future__ import annotations

from importlib import import_module

from bots.channels.base import ChannelAdapter
from clawsite.core.errors import NotConfigured

ADAPTERS = {
    "gateway": "bots.channels.gateway.adapter.GatewayAdapter",
    "telegram": "bots.channels.telegram.adapter.TelegramAdapter",
    "webchat": "bots.channels.webchat.adapter.WebchatAdapter",
}


def get_adapter(kind: str) -> type[ChannelAdapter]:
    """Return the adapter class of a kind, importing it on first use; NotConfigured for an unknown kind."""
    path = ADAPTERS.get(kind)
    if path is None:
        raise NotConfigured(f"There is no channel kind {kind!r}. Known kinds: {', '.join(sorted(ADAPTERS))}.")
    module, _, name = path.rpartition(".")
    adapter: type[ChannelAdapter] = getattr(import_module(module), name)
    return adapter
