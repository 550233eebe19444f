"""All the stores that the settings name, the folder of this machine first."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings

from clawsite.ops.backups.stores import Store, local_store

PROBE_TIME = timedelta(seconds=5)
_QUICK: dict[str, Any] = {"retries": 0, "request": PROBE_TIME}
# No name begins so: the list that is asked for is empty, and cheap however much is stored.
NOTHING = "probe/"


def all_stores() -> list[Store]:
    """Return them; the first one is where backups are made. NotConfigured for an address that cannot be used."""
    return [local_store(), *remote_stores()]


def quick_stores() -> list[Store]:
    """Return them for a question that must hold nobody up: one that does not answer within seconds fails."""
    return [local_store(), *([_open(**_QUICK)] if settings.CLAW_BACKUP_S3 else [])]


def remote_names() -> list[str]:
    """Return what people call the stores that are not on this machine."""
    return [label_of(settings.CLAW_BACKUP_S3)] if settings.CLAW_BACKUP_S3 else []


def label_of(url: str) -> str:
    """Return the bucket and folder of an address."""
    parts = urlsplit(url)
    return f"s3://{parts.hostname}{parts.path.rstrip('/')}"


def remote_stores() -> list[Store]:
    """Return those that are not on this machine."""
    return [_open()] if settings.CLAW_BACKUP_S3 else []


def try_store() -> None:
    """See whether the store that is not on this machine lists what it has; BackupFailed when not, within seconds."""
    _open(**_QUICK).list(NOTHING)


def _open(**limits: Any) -> Store:
    from clawsite.ops.backups.s3 import open_bucket

    key, secret = settings.CLAW_BACKUP_S3_KEY, settings.CLAW_BACKUP_S3_SECRET
    return open_bucket(settings.CLAW_BACKUP_S3, label=remote_names()[0], key=key, secret=secret, **limits)
