"""Taking secrets out of a text: those that this installation has by their value, and all others by their looks."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus, unquote, urlsplit

from django.conf import settings

from clawsite.core.crypto import current_keys
from clawsite.core.env import secret_values
from clawsite.core.redaction import MASK, redact
from clawsite.core.rotation import encrypted_columns

# Shorter values are words that stand everywhere.
LEAST_CHARS = 6
KEY_FILES = ("secret.key", "encryption.key", "backup.key")
# What the platform's own settings may hold beside those of the environment.
_SETTINGS = ("SECRET_KEY", "CLAW_GATEWAY_TOKEN", "TELEGRAM_BOT_TOKEN", "TELEGRAM_WEBHOOK_SECRET", "ANTHROPIC_API_KEY",
             "ALERTMANAGER_WEBHOOK_TOKEN", "DATABASE_URL", "REDIS_URL")  # fmt: skip

_HEX = re.compile(r"%[0-9A-F]{2}")
# A text of this name is a secret, whatever it looks like.
_NAMED = re.compile(r"(?i)token$|passw|secret|api_?key|authorization|cookie")


class Cleaner:
    """Knows all secrets of this installation at one moment. Reads every encrypted column once."""

    def __init__(self) -> None:
        spelled = {word for secret in _all_secrets() for word in _spellings(secret)}
        # The longest first, so that none leaves the rest of another.
        self._words = sorted(spelled, key=len, reverse=True)

    def clean(self, text: str) -> str:
        """Return the text without secrets."""
        return redact(self.clean_known(text))

    def clean_known(self, text: str) -> str:
        """Return the text without the secrets of this installation; what only looks like one stays."""
        for word in self._words:
            if word in text:
                text = text.replace(word, MASK)
        return text

    def clean_all(self, value: Any) -> Any:
        """Return a value as JSON has it, with every text in it cleaned before JSON spells it in its own way."""
        if isinstance(value, dict):
            return {self.clean(str(name)): self._clean_named(str(name), each) for name, each in value.items()}
        if isinstance(value, list | tuple):
            return [self.clean_all(each) for each in value]
        return value if value is None or isinstance(value, bool | int | float) else self.clean(str(value))

    def _clean_named(self, name: str, value: Any) -> Any:
        return MASK if isinstance(value, str) and value and _NAMED.search(name) else self.clean_all(value)


def _all_secrets() -> set[str]:
    given = [*secret_values(), *current_keys(), *_key_files(), *_stored()]
    given += [str(getattr(settings, name, "") or "") for name in _SETTINGS]
    parts = {part for value in given for part in _parts(value)}
    return {part for part in parts if len(part) >= LEAST_CHARS}


def _key_files() -> Iterator[str]:
    for path in (Path(settings.CLAW_HOME) / name for name in KEY_FILES):
        if path.is_file():
            yield from path.read_text(encoding="utf-8", errors="replace").split()


def _stored() -> Iterator[str]:
    """Yield every secret in the database as it is used."""
    for model, column in encrypted_columns():
        yield from (
            model._default_manager.exclude(**{column: ""}).values_list(column, flat=True).iterator(chunk_size=200)
        )


def _parts(value: str) -> Iterator[str]:
    """Yield a secret and what is secret in it: lines, members of a list, leaves of JSON, a password in an address."""
    yield value
    yield from value.replace(",", "\n").split("\n")
    if value.startswith(("{", "[")):
        yield from _leaves(value)
    if "://" in value:
        try:
            password = urlsplit(value).password or ""
        except ValueError:
            return
        yield from (password, unquote(password))


def _leaves(text: str) -> Iterator[str]:
    try:
        waiting: list[Any] = [json.loads(text)]
    except ValueError:
        return
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            waiting += value.values()
        elif isinstance(value, list):
            waiting += value
        elif isinstance(value, str):
            yield value
            yield value.rpartition(" ")[2]  # Bearer TOKEN


def _spellings(secret: str) -> Iterator[str]:
    """Yield how a secret may be written: plainly, in an address, in JSON, and in the three places of base64."""
    yield secret
    quoted = (quote(secret), quote(secret, safe=""), quote_plus(secret))
    yield from (*quoted, *(_HEX.sub(lambda found: found[0].lower(), each) for each in quoted))
    yield json.dumps(secret)[1:-1]
    data = secret.encode()
    for shift in range(3):
        whole = base64.b64encode(bytes(shift) + data).decode()
        # The first and last characters depend on the neighbours.
        inner = whole[(0, 2, 3)[shift] :].rstrip("=")[: -1 if (shift + len(data)) % 3 else None]
        if len(inner) >= LEAST_CHARS * 2:
            yield from (inner, inner.replace("+", "-").replace("/", "_"))
