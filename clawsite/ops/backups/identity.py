"""Who can open a backup: an age identity, made once in CLAW_HOME/backup.key, or one that is kept somewhere else.

The identity is never part of a backup. With CLAW_BACKUP_RECIPIENT set this machine cannot open its own backups, which
is the point of it; each gets a second recipient then, made for the check that follows and forgotten after it.
"""

from __future__ import annotations

import hashlib
import hmac
import os
from pathlib import Path
from typing import Protocol

import pyrage
from django.conf import settings

from clawsite.core.errors import BadInput
from clawsite.core.keys import load_or_create_key


class Recipient(Protocol):
    """A public key of age: whom something is encrypted for. As text it begins with age1."""


class Identity(Protocol):
    """A secret key of age: opens what is encrypted for its public half. As text it begins with AGE-SECRET-KEY-1."""

    def to_public(self) -> Recipient:
        """Return the public half."""


NAME = "backup.key"


def key_path() -> Path:
    """Return where this installation's own identity lies."""
    path: Path = settings.CLAW_HOME / NAME
    return path


def write_key(path: Path, text: bytes) -> None:
    """Write a key into a new file that the service alone can read."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(text)


def new_identity() -> Identity:
    """Return an identity that nobody else has."""
    made: Identity = pyrage.x25519.Identity.generate()
    return made


def own_identity() -> Identity | None:
    """Return the identity of CLAW_HOME, made when there is none yet; None when backups are for somebody else."""
    if settings.CLAW_BACKUP_RECIPIENT:
        return None
    return parse_identity(load_or_create_key(key_path(), lambda: str(new_identity())))


def own_recipient() -> Recipient:
    """Return whom backups are encrypted for."""
    own = own_identity()
    if own is not None:
        return own.to_public()
    try:
        given: Recipient = pyrage.x25519.Recipient.from_str(settings.CLAW_BACKUP_RECIPIENT)
        return given
    except pyrage.RecipientError:
        raise BadInput("CLAW_BACKUP_RECIPIENT must be a public key of age: age1 and 58 more characters.") from None


def read_identity(path: Path) -> Identity:
    """Return the identity in a file as age writes it: comments, and one line with the key."""
    try:
        text = path.expanduser().read_text(encoding="ascii")
    except UnicodeDecodeError:
        raise BadInput(f"There is no key of age in {path}.") from None
    except OSError as error:
        raise BadInput(f"The identity {path} cannot be read: {error.strerror}.") from None
    return parse_identity(text)


def parse_identity(text: str) -> Identity:
    """Return the identity in the text of such a file; BadInput when it holds none."""
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#")]
    try:
        if len(lines) != 1:
            raise pyrage.IdentityError
        found: Identity = pyrage.x25519.Identity.from_str(lines[0])
        return found
    except pyrage.IdentityError:
        raise BadInput("The identity must be one line that begins with AGE-SECRET-KEY-1.") from None


def seal(identity: Identity, text: bytes) -> str:
    """Return a proof that whoever made a backup had the identity: anybody can encrypt for its public half."""
    key = hashlib.sha256(b"clawsite backup seal\n" + str(identity).encode()).digest()
    return hmac.new(key, text, hashlib.sha256).hexdigest()
