"""Trying an account or a model once, now, for a person who waits: what works, or a sentence that says what to do.

Nothing is stored and no poller is disturbed: a channel is asked who it is, a model for one token.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from django.utils.translation import gettext as _

from bots.agent.anthropic import AnthropicProvider
from bots.agent.provider import Fault, ModelCall, ModelError
from bots.agent.types import Target
from bots.channels.base import Account, ChannelError
from bots.channels.registry import get_adapter
from bots.work import account_of
from clawsite.core.errors import BadInput, Unavailable
from sessions_app.models import Channel

SECONDS = 20.0
T = TypeVar("T")


@dataclass(frozen=True, kw_only=True, slots=True)
class Identity:
    """Who the platform says the account is."""

    kind: str
    data: Mapping[str, Any] = field(default_factory=dict)

    @property
    def sentence(self) -> str:
        """What a person wants to hear."""
        username = str(self.data.get("username", ""))
        if not username:
            return _("The channel works.")
        return _("It works: the bot is @{username}.").format(username=username)


def probe_channel(row: Channel) -> Identity:
    """Ask the platform who the account is; BadInput when that fails for good, Unavailable when it may work later."""
    return probe_account(row.kind, account_of(row))


def probe_account(kind: str, account: Account) -> Identity:
    """Like `probe_channel`, for an account that is not stored yet. Runs an event loop of its own."""
    return _run(_ask(kind, account))


def probe_webhook(row: Channel) -> Mapping[str, Any]:
    """Ask the platform where it posts to; {} for a kind that posts nowhere. BadInput and Unavailable as above."""
    return _run(_ask_webhook(row.kind, account_of(row)))


async def _ask_webhook(kind: str, account: Account) -> Mapping[str, Any]:
    adapter = get_adapter(kind)(account)
    ask = getattr(adapter, "webhook_info", None)
    if ask is None:
        return {}
    try:
        await adapter.open()
        found: Mapping[str, Any] = await ask()
        return found
    except ChannelError as error:
        raise Unavailable(_("The account does not work: {reason}").format(reason=error.message)) from None
    finally:
        await adapter.close()


async def _ask(kind: str, account: Account) -> Identity:
    adapter = get_adapter(kind)(account)
    try:
        return Identity(kind=kind, data=dict(await adapter.open()))
    except ChannelError as error:
        kind_of_error = BadInput if error.permanent else Unavailable
        raise kind_of_error(_("The account does not work: {reason}").format(reason=error.message)) from None
    finally:
        await adapter.close()


def probe_model(target: Target, *, key: str) -> None:
    """Ask a model for one token; BadInput when key, model or address are wrong, Unavailable when it does not answer."""
    _run(_ask_model(target, key))


async def _ask_model(target: Target, key: str) -> None:
    async def given(_target: Target) -> str:
        return key

    provider = AnthropicProvider(key=given)
    call = ModelCall(target=target, system=(), messages=({"role": "user", "content": "Hi"},), max_tokens=1)
    try:
        await provider.run(call, on_piece=lambda piece: None)
    except ModelError as error:
        if error.fault in (Fault.FAILOVER, Fault.PERMANENT):
            raise BadInput(_("The model cannot be used: {reason}").format(reason=error.message)) from None
        if error.fault is Fault.BILLING:
            raise BadInput(_("The account of this key has no money left.")) from None
        raise Unavailable(_("The model does not answer: {reason}").format(reason=error.message)) from None
    finally:
        await provider.close()


def _run(work: Coroutine[Any, Any, T]) -> T:
    """Run the question in a loop of its own, for at most SECONDS."""

    async def bounded() -> T:
        async with asyncio.timeout(SECONDS):
            return await work

    try:
        return asyncio.run(bounded())
    except TimeoutError:
        raise Unavailable(_("There was no answer within {seconds} seconds.").format(seconds=int(SECONDS))) from None
