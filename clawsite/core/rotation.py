"""Rotation of the encryption keys. Every step leaves a state in which all secrets can be read.

A new key goes first in the key file, then every secret is written anew with it, and only then may old keys go.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

from cryptography.fernet import Fernet, MultiFernet
from django.apps import apps
from django.db import models, transaction
from django.db.models.functions import Cast

from clawsite.core import audit
from clawsite.core.crypto import EncryptedTextField
from clawsite.core.errors import BadInput

OVERLAP_SECONDS = 86_400


def read_keys(path: Path) -> list[str]:
    """Return the keys of the file, the current one first."""
    return path.read_text(encoding="ascii").split()


def write_keys(path: Path, keys: list[str]) -> None:
    """Replace the key file in one step, readable by its owner only."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w", encoding="ascii") as file:
        file.write("\n".join(keys) + "\n")
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)


def add_key(path: Path) -> list[str]:
    """Put a fresh key in front of the others and return all of them."""
    keys = [Fernet.generate_key().decode("ascii"), *read_keys(path)]
    write_keys(path, keys)
    return keys


def encrypted_columns() -> list[tuple[type[models.Model], str]]:
    """Return every column that holds secrets, whichever app it belongs to."""
    return [
        (model, field.name)
        for model in apps.get_models()
        for field in model._meta.get_fields()
        if isinstance(field, EncryptedTextField)
    ]


def encrypt_anew(keys: list[str], *, actor: str) -> int:
    """Write every secret with the first key, in one transaction; return how many. Safe to repeat.

    Raises BadInput when one of them fits none of the keys; then nothing is changed.
    """
    cipher = MultiFernet([Fernet(key) for key in keys])
    count = 0
    with transaction.atomic():
        for model, column in encrypted_columns():
            count += sum(_rotate(model, column, pk, token, cipher) for pk, token in _raw(model, column))
        audit.record("keys.rotate", actor=actor, subject="encryption.key", secrets=count)
    return count


def _raw(model: type[models.Model], column: str) -> list[tuple[object, str]]:
    """Return primary keys and stored tokens, not decrypted."""
    rows = model._default_manager.annotate(stored=_stored(column)).values_list("pk", "stored")
    return [(pk, token) for pk, token in rows if token]


def _stored(column: str) -> Cast:
    return Cast(column, output_field=models.TextField())


def _rotate(model: type[models.Model], column: str, pk: object, token: str, cipher: MultiFernet) -> int:
    try:
        fresh = cipher.rotate(token.encode("ascii")).decode("ascii")
    except Exception as error:
        name = f"{model._meta.label}.{column}"
        raise BadInput(f"A secret of {name} fits no key in the key file; enter it anew first.") from error
    value = models.Value(fresh, output_field=models.TextField())
    same = model._default_manager.annotate(stored=_stored(column)).filter(pk=pk, stored=token)
    return same.update(**{column: value})  # what was entered anew meanwhile stays


def drop_old_keys(path: Path, *, actor: str) -> int:
    """Keep only the current key, once every secret is written with it; return how many went."""
    keys = read_keys(path)
    encrypt_anew(keys, actor=actor)
    write_keys(path, keys[:1])
    return len(keys) - 1


def rotate_when_due(path: Path, *, days: int, actor: str) -> bool:
    """Rotate keys that are so many days old, and drop the old ones a day later; True when something was done.

    Old backups need old keys: whoever rotates on a schedule keeps the key file with each backup.
    """
    age = time.time() - path.stat().st_mtime
    if len(read_keys(path)) > 1 and age > OVERLAP_SECONDS:
        drop_old_keys(path, actor=actor)
        return True
    if days and age > days * 86_400:
        encrypt_anew(add_key(path), actor=actor)
        return True
    return False
