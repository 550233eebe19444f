"""Channels as people add, change and remove them, in the admin or from the command line. Each change is audited.

Invariant: a token is stored encrypted and named in no audit row; bots hear of a change when it is committed.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from clawsite.core import audit
from clawsite.core.errors import BadInput
from clawsite.core.nudge import nudge_on_commit
from guardrails import records
from guardrails.types import Actor
from sessions_app.channels import GATEWAY, TELEGRAM, WEBCHAT
from sessions_app.contacts import require_admin
from sessions_app.models import Channel, Contact
from sessions_app.purge import purge_session

Forget = Callable[[Sequence[str], Actor, str], object]

_forget: list[Forget] = []

MODES = ("polling", "webhook")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
_TELEGRAM_TOKEN = re.compile(r"[0-9]{3,20}:[A-Za-z0-9_-]{20,100}")


def find_source(channel: Channel) -> str:
    """Return the setting that makes this channel anew at each start, or ""; changes of it would not last."""
    of_environment = channel.kind == TELEGRAM and channel.name == TELEGRAM and settings.TELEGRAM_BOT_TOKEN
    return "TELEGRAM_BOT_TOKEN" if of_environment else ""


def check_name(name: str) -> str:
    """Return a channel's name; BadInput when it cannot stand in an address or a command."""
    if not _NAME.fullmatch(name):
        raise BadInput(_("A channel's name is made of letters, digits, dots, dashes and underscores, 64 at most."))
    return name


def check_token(kind: str, token: str) -> str:
    """Return a token without surrounding space; BadInput when it cannot be one of this kind. It is never repeated."""
    clean = token.strip()
    if kind == TELEGRAM and not _TELEGRAM_TOKEN.fullmatch(clean):
        raise BadInput(_("This is no bot token. BotFather gives one that looks like 123456789:AAE… ."))
    return clean


def make_config(kind: str, *, mode: str = "", api_url: str = "") -> dict[str, Any]:
    """Return the settings of a kind; BadInput for a wrong one. Empty ones come from the environment's defaults."""
    if kind != TELEGRAM:
        return {}
    if mode and mode not in MODES:
        raise BadInput(_("The mode is polling or webhook."))
    url = api_url.strip().rstrip("/")
    parts = urlsplit(url)
    if url and (parts.scheme not in ("http", "https") or not parts.hostname or parts.username or parts.query):
        raise BadInput(_("The API address must look like https://api.telegram.org."))
    if mode == "webhook" and not settings.CLAW_PUBLIC_URL.startswith("https://"):
        raise BadInput(_("A webhook needs CLAW_PUBLIC_URL, the https address of this server. Use polling without one."))
    return {key: value for key, value in {"mode": mode, "api_url": url}.items() if value}


def create_channel(
    kind: str,
    *,
    name: str,
    actor: Actor,
    token: str = "",
    webhook_secret: str = "",
    config: Mapping[str, Any] | None = None,
    enabled: bool = True,
    access: str = Channel.Access.PAIRING,
    identity: Mapping[str, Any] | None = None,
    origin: str = "",
) -> Channel:
    """Add a channel; BadInput when the name is taken or no name."""
    require_admin(actor)
    channel = Channel(
        kind=kind,
        name=check_name(name),
        enabled=enabled,
        access=access,
        token=token,
        webhook_secret=webhook_secret,
        config=dict(config or {}),
        identity=dict(identity or {}),
    )
    save_channel(channel, actor=actor, fields=(), origin=origin)
    return channel


def save_channel(channel: Channel, *, actor: Actor, fields: Iterable[str], origin: str = "") -> None:
    """Store a new channel, or the named fields of a known one; a webhook secret is made up where one is missing."""
    require_admin(actor)
    named = set(fields)
    if channel.kind == TELEGRAM and not channel.webhook_secret:
        channel.webhook_secret = secrets.token_urlsafe(32)
        named.add("webhook_secret")
    verb = "update" if channel.pk else "create"
    try:
        with transaction.atomic():
            channel.save(update_fields=sorted(named) if channel.pk else None)
            told = {"fields": sorted(named)} if verb == "update" else {"name": channel.name, "kind": channel.kind}
            audit.record(f"channel.{verb}", actor=actor.subject, subject=f"channel:{channel.pk}", origin=origin, **told)
            nudge_on_commit("channel", channel=channel.pk)
    except IntegrityError:
        raise BadInput(_("There is a channel of this name already.")) from None


def enable_channel(channel: Channel, *, actor: Actor, enabled: bool, origin: str = "") -> None:
    """Switch a channel on or off."""
    channel.enabled = enabled
    save_channel(channel, actor=actor, fields=["enabled"], origin=origin)


def on_forgotten(function: Forget) -> Forget:
    """Have a function called for everybody who goes for good: it removes what is theirs in other layers."""
    if function not in _forget:
        _forget.append(function)
    return function


def _forget_owners(channel: Channel, *, actor: Actor, origin: str) -> None:
    """Tell who goes with a channel: its groups, and people who are known by no account besides."""
    people = [contact.subject for contact in Contact.objects.filter(channel=channel, user=None)]
    groups = [f"group:{group.pk}" for group in channel.groups.all()]
    for function in _forget:
        function([*people, *groups], actor, origin)


def remove_channel(channel: Channel, *, actor: Actor, origin: str = "") -> int:
    """Remove a channel with its people, conversations and files; return how many conversations there were.

    The channel is off first and each conversation goes in a transaction of its own, so this may be repeated after
    an accident and holds the database only for moments.
    """
    require_admin(actor)
    if find_source(channel):
        raise BadInput(_("This channel comes from TELEGRAM_BOT_TOKEN. Take that out of the environment first."))
    if channel.kind == WEBCHAT:
        raise BadInput(_("The web chat belongs to the pages and stays. Switch it off in the admin instead."))
    if channel.kind == GATEWAY:
        raise BadInput(_("This channel belongs to the gateway and stays. Switch it off in the admin instead."))
    enable_channel(channel, actor=actor, enabled=False, origin=origin)
    count = 0
    for session in channel.sessions.iterator():
        purge_session(session, actor=actor, origin=origin)
        count += 1
    for contact in Contact.objects.filter(channel=channel).iterator():
        records.purge(contact.subject)
    _forget_owners(channel, actor=actor, origin=origin)
    with transaction.atomic():
        subject = f"channel:{channel.pk}"
        audit.record("channel.remove", actor=actor.subject, subject=subject, origin=origin, name=channel.name)
        nudge_on_commit("channel", channel=channel.pk)
        channel.delete()
    return count
