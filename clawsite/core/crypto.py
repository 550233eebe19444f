"""Encryption at rest. Secrets enter rows only as Fernet tokens; the keys are in a file outside the database.

Several keys may stand in the key file, one a line: the first encrypts, all decrypt, which is how keys rotate.
"""

from __future__ import annotations

import hashlib
import hmac
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings
from django.db import models

from clawsite.core.errors import ClawError

if TYPE_CHECKING:
    _TextField = models.TextField[str, str]
else:
    _TextField = models.TextField


_LOST = "A stored secret cannot be decrypted. Restore encryption.key from the backup or enter the secret anew."


class SecretText(str):
    """A secret as text. It shows its value only where a string is used on purpose, never in repr()."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "'[secret]'"


class LostSecret(SecretText):
    """Stands for a stored secret that no key opens: empty to read, and stored again as it was found.

    A row with one can be loaded, shown and given a new secret; whoever needs the secret calls `check_secret`.
    """

    stored: str

    def __new__(cls, stored: str) -> Self:
        """Keep what the row holds."""
        made = super().__new__(cls, "")
        made.stored = stored
        return made


class DecryptError(ClawError):
    """A stored secret cannot be decrypted: the key file was lost or replaced."""

    code = "decrypt_failed"


@lru_cache(maxsize=2)
def _keys_in(path: Path, stamp: int) -> tuple[str, ...]:
    """Return the keys of a file; `stamp` is when it was written, so that a rotation is seen at once."""
    return tuple(path.read_text(encoding="ascii").split())


def current_keys() -> tuple[str, ...]:
    """Return the keys, the one that encrypts first: of the environment, else of the key file as it is now."""
    if settings.CLAW_ENCRYPTION_KEYS:
        return tuple(settings.CLAW_ENCRYPTION_KEYS)
    path: Path = settings.CLAW_KEY_FILE
    return _keys_in(path, path.stat().st_mtime_ns)


@lru_cache(maxsize=4)
def _cipher(keys: tuple[str, ...]) -> MultiFernet:
    return MultiFernet([Fernet(key) for key in keys])


def encrypt(text: str) -> str:
    """Return the text as a Fernet token (ASCII)."""
    return _cipher(current_keys()).encrypt(text.encode()).decode("ascii")


def decrypt(token: str) -> SecretText:
    """Return the text of a Fernet token; raise DecryptError when no key fits."""
    try:
        return SecretText(_cipher(current_keys()).decrypt(token.encode("ascii")).decode())
    except InvalidToken:
        raise DecryptError(_LOST) from None


def check_secret(value: str) -> str:
    """Return a secret that was read from a row; raise DecryptError for one that no key opens."""
    if isinstance(value, LostSecret):
        raise DecryptError(_LOST)
    return value


def same_secret(given: str, expected: str) -> bool:
    """Compare two secrets in constant time; an empty expected secret matches nothing."""
    left, right = (hashlib.sha256(text.encode()).digest() for text in (given, expected))
    return hmac.compare_digest(left, right) and bool(expected)


class EncryptedTextField(_TextField):
    """A text column that is encrypted in the database and a SecretText in Python. It cannot be searched."""

    def get_prep_value(self, value: Any) -> Any:
        """Encrypt on the way in; empty stays empty, and what could not be opened stays as it was."""
        if isinstance(value, LostSecret):
            return value.stored
        return encrypt(str(value)) if value else ""

    def from_db_value(self, value: str | None, *_: object) -> SecretText:
        """Decrypt on the way out; empty stays empty. One lost key must not make whole tables unreadable."""
        if not value:
            return SecretText("")
        try:
            return decrypt(value)
        except DecryptError:
            return LostSecret(value)
