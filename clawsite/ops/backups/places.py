"""All the stores that the settings name, the folder of this machine first."""

from __future__ import annotations

from urllib.parse import urlsplit

from django.conf import settings

from clawsite.ops.backups.stores import Store, local_store


def all_stores() -> list[Store]:
    """Return them; the first one is where backups are made. NotConfigured for an address that cannot be used."""
    return [local_store(), *remote_stores()]


def remote_names() -> list[str]:
    """Return what people call the stores that are not on this machine."""
    return [label_of(settings.CLAW_BACKUP_S3)] if settings.CLAW_BACKUP_S3 else []


def label_of(url: str) -> str:
    """Return the bucket and folder of an address."""
    parts = urlsplit(url)
    return f"s3://{parts.hostname}{parts.path.rstrip('/')}"


def remote_stores() -> list[Store]:
    """Return those that are not on this machine."""
    if not settings.CLAW_BACKUP_S3:
        return []
    from clawsite.ops.backups.s3 import open_bucket

    key, secret = settings.CLAW_BACKUP_S3_KEY, settings.CLAW_BACKUP_S3_SECRET
    return [open_bucket(settings.CLAW_BACKUP_S3, label=remote_names()[0], key=key, secret=secret)]
