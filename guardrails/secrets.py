"""Secrets in text: found by the format of well-known keys and by values registered at start, never by entropy.

The table is that of `clawsite.core.redaction`, which logs use too.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from django.conf import settings

from clawsite.core.crypto import current_keys
from clawsite.core.redaction import FoundSecret, find_secrets, forget_secret, register_secret

__all__ = ["FoundSecret", "find_secrets", "forget_secret", "register_secret", "register_settings"]

_NAMES = (
    "SECRET_KEY", "TELEGRAM_BOT_TOKEN", "TELEGRAM_WEBHOOK_SECRET", "ANTHROPIC_API_KEY", "CLAW_GATEWAY_TOKEN",
)  # fmt: skip
# Shorter ones, such as "postgres", are words that would be hidden everywhere.
_LEAST_URL_PASSWORD = 12


def register_settings() -> int:
    """Register the secrets that settings hold, so that no answer, log or error shows them; return how many."""
    values = [getattr(settings, name, "") for name in _NAMES]
    values += current_keys()
    for url in (settings.DATABASE_URL, settings.REDIS_URL):
        password = urlsplit(url).password or ""
        values += [password] if len(password) >= _LEAST_URL_PASSWORD else []
    return sum(register_secret(value) for value in values)
