"""Channels that settings describe: the Telegram account of the environment, and those that are always there, which
are the web chat and the gateway.

Safe to run at every start: rows are written, and audited, only where they differ from what the settings say. What an
admin changed in other fields is left alone.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from clawsite.core import audit
from clawsite.core.nudge import nudge_on_commit
from sessions_app.models import Channel, Contact

ACTOR = "env"
TELEGRAM = "telegram"
WEBCHAT = "webchat"
GATEWAY = "gateway"
# There is one of each from the start; nobody adds or removes them.
BUILT_IN = frozenset({WEBCHAT, GATEWAY})


def sync_channels_from_settings() -> list[Channel]:
    """Create or update the channels that settings describe; return those that were written."""
    with transaction.atomic():
        written = [_ensure(WEBCHAT), _ensure(GATEWAY), _ensure_telegram()]
    return [channel for channel in written if channel is not None]


def channels_of(kind: str) -> QuerySet[Channel]:
    """Return the channels of a kind, for `channel__in`: what else is asked is then found by its unique key.

    With `channel__kind` in a join, SQLite goes through the whole other table in the order of its ids.
    """
    return Channel.objects.filter(kind=kind)


def _ensure(kind: str) -> Channel | None:
    if Channel.objects.filter(kind=kind).exists():
        return None
    return _create(kind=kind, name=kind)


def _ensure_telegram() -> Channel | None:
    if not settings.TELEGRAM_BOT_TOKEN:
        return None
    channel = Channel.objects.select_for_update().filter(name=TELEGRAM, kind=TELEGRAM).first()
    wanted = _wanted(channel)
    written: Channel | None
    if channel is None:
        channel = written = _create(kind=TELEGRAM, name=TELEGRAM, **wanted)
    else:
        written = _update(channel, wanted)
    _approve(channel, settings.TELEGRAM_ADMIN_USERS, role=Contact.RoleChoice.ADMIN)
    others = set(settings.TELEGRAM_ALLOWED_USERS) - set(settings.TELEGRAM_ADMIN_USERS)
    _approve(channel, sorted(others), role=Contact.RoleChoice.VIEWER)
    return written


def _wanted(channel: Channel | None) -> dict[str, Any]:
    """Return the fields that settings decide. A webhook secret is made up once when none is given."""
    config = dict(channel.config) if channel else {}
    config |= {"mode": settings.TELEGRAM_MODE, "api_url": settings.TELEGRAM_API_URL}
    if settings.TELEGRAM_MODE == "webhook":
        config["webhook_url"] = f"{settings.CLAW_PUBLIC_URL}/webhook/telegram/{TELEGRAM}"
    secret = settings.TELEGRAM_WEBHOOK_SECRET or (channel.webhook_secret if channel else "")
    return {
        "token": settings.TELEGRAM_BOT_TOKEN,
        "webhook_secret": secret or secrets.token_urlsafe(32),
        "config": config,
    }


def _create(**fields: Any) -> Channel:
    channel = Channel.objects.create(**fields)
    audit.record("channel.create", actor=ACTOR, subject=f"channel:{channel.pk}", name=channel.name)
    nudge_on_commit("channel", channel=channel.pk)
    return channel


def _update(channel: Channel, wanted: dict[str, Any]) -> Channel | None:
    changed = sorted(name for name, value in wanted.items() if getattr(channel, name) != value)
    if not changed:
        return None
    for name in changed:
        setattr(channel, name, wanted[name])
    channel.save(update_fields=changed)
    audit.record("channel.update", actor=ACTOR, subject=f"channel:{channel.pk}", fields=changed)
    nudge_on_commit("channel", channel=channel.pk)
    return channel


def _approve(channel: Channel, external_ids: Iterable[str], *, role: str) -> None:
    """Approve people once. Who was blocked, or given another role by an admin since, stays so."""
    for external_id in external_ids:
        contact, created = Contact.objects.get_or_create(
            channel=channel,
            external_id=external_id[:64],
            defaults={"state": Contact.State.APPROVED, "role": role},
        )
        waiting = contact.state == Contact.State.PENDING
        if waiting:
            Contact.objects.filter(pk=contact.pk).update(state=Contact.State.APPROVED, role=role)
        if created or waiting:
            audit.record("contact.approve", actor=ACTOR, subject=contact.subject, role=role)


def note_block(channel_id: int, *, seconds: float) -> None:
    """Write down that the platform told the whole account to wait, for the health page and the admin."""
    until = timezone.now() + timedelta(seconds=seconds)
    Channel.objects.filter(pk=channel_id).update(blocked_until=until)
