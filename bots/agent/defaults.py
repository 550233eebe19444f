"""The provider of this process: one, made at first use, closed at shutdown. Importing this loads no SDK."""

from __future__ import annotations

from bots.agent.anthropic import AnthropicProvider
from bots.agent.targets import list_targets, usable_targets

_provider: AnthropicProvider | None = None


def default_provider() -> AnthropicProvider:
    """Return the process's provider."""
    global _provider
    if _provider is None:
        _provider = AnthropicProvider()
    return _provider


async def warm() -> bool:
    """Load the SDK and make the clients, so that the first message need not wait; False when no model is
    set up.
    """
    targets = await usable_targets(list_targets())
    for url in dict.fromkeys(target.base_url for target in targets):
        await default_provider().warm(url)
    return bool(targets)


async def close_provider() -> None:
    """Let all connections go; a later call opens new ones."""
    global _provider
    provider, _provider = _provider, None
    if provider is not None:
        await provider.close()
