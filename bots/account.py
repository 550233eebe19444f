"""Bringing an account up: its identity, its webhook or polling mode, and its command menu when that changed."""

from __future__ import annotations

import hashlib
import json

from django.conf import settings

from bots.channels.base import CommandHint
from bots.commands.registry import command_hints
from bots.work import OpenChannel
from clawsite.core.db import run_db
from guardrails.secrets import register_secret
from sessions_app.models import Channel


async def prepare_account(channel: OpenChannel) -> None:
    """Connect the adapter and store what the platform says about the bot; ChannelError when it does not answer."""
    for secret in (channel.row.token, channel.row.webhook_secret):
        if secret:
            register_secret(secret)
    identity = dict(await channel.adapter.open())
    if identity and identity != channel.row.identity:
        channel.row.identity = identity
        await run_db(_store_identity, channel.row.pk, identity)
    await _choose_mode(channel)
    await _publish_commands(channel)


async def _choose_mode(channel: OpenChannel) -> None:
    """Where the account is configured for a webhook, point it at us; polling removes a webhook by itself."""
    ensure = getattr(channel.adapter, "ensure_webhook", None)
    if channel.adapter.polls or ensure is None or not settings.CLAW_PUBLIC_URL:
        return
    secret = channel.row.webhook_secret
    if secret:
        await ensure(f"{settings.CLAW_PUBLIC_URL}/webhook/{channel.row.kind}/{channel.row.pk}", secret)


async def _publish_commands(channel: OpenChannel) -> None:
    """Set the platform's command menu, only when it differs from what was set last."""
    hints = command_hints()
    digest = _digest(hints)
    if digest == channel.row.commands_hash:
        return
    await channel.adapter.set_commands(hints)
    channel.row.commands_hash = digest
    await run_db(_store_hash, channel.row.pk, digest)


def _digest(hints: dict[str, list[CommandHint]]) -> str:
    plain = {language: [[hint.name, hint.description] for hint in rows] for language, rows in hints.items()}
    return hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()


def _store_identity(pk: int, identity: dict[str, object]) -> None:
    Channel.objects.filter(pk=pk).update(identity=identity)


def _store_hash(pk: int, digest: str) -> None:
    Channel.objects.filter(pk=pk).update(commands_hash=digest)
