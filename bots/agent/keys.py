"""Which key a model call carries. The provider's key is never sent to another address than the provider's.

A target with an address of its own takes the stored secret `MODEL_KEY_<host>` (such as
MODEL_KEY_10.0.0.5:11434), or no key at all. Look-ups are kept for 30 s, so that a key entered in the admin
counts soon and costs no query per call.
"""

from __future__ import annotations

import time
from urllib.parse import urlsplit

from django.conf import settings

from bots.agent.types import Target
from clawsite.core.crypto import SecretText
from clawsite.core.db import run_db
from clawsite.core.models import Secret

KEEP_SECONDS = 30.0
MAIN = "ANTHROPIC_API_KEY"

_kept: dict[str, tuple[float, SecretText]] = {}


def secret_name(target: Target) -> str:
    """Return the name of the secret that belongs to a target."""
    if target.base_url in ("", settings.ANTHROPIC_BASE_URL):
        return MAIN
    return f"MODEL_KEY_{urlsplit(target.base_url).netloc.rpartition('@')[2]}"[:64]


def needs_key(target: Target) -> bool:
    """Tell whether a target is of no use without a key: only the provider's own address is."""
    return not (target.base_url or settings.ANTHROPIC_BASE_URL)


def has_key_in_settings(target: Target) -> bool:
    """Tell whether the environment of this process has the key for a target."""
    return secret_name(target) == MAIN and bool(settings.ANTHROPIC_API_KEY)


async def find_key(target: Target) -> SecretText:
    """Return the key for a target, "" when there is none. The environment wins over the stored secret."""
    if has_key_in_settings(target):
        return SecretText(settings.ANTHROPIC_API_KEY)
    name = secret_name(target)
    until, key = _kept.get(name, (0.0, SecretText("")))
    if time.monotonic() >= until:
        key = await run_db(_load, name)
        _kept[name] = (time.monotonic() + KEEP_SECONDS, key)
    return key


def get_key(target: Target) -> SecretText:
    """Return the same, as it stands now. Asks the database."""
    return SecretText(settings.ANTHROPIC_API_KEY) if has_key_in_settings(target) else _load(secret_name(target))


def forget_keys() -> None:
    """Look every key up anew; called when one was entered."""
    _kept.clear()


def _load(name: str) -> SecretText:
    row = Secret.objects.filter(name=name).first()
    return SecretText(row.value) if row else SecretText("")
