"""What DATABASE_URL and REDIS_URL may say. Read by settings; a wrong one is told without repeating any part of it."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import dj_database_url
from django.core.exceptions import ImproperlyConfigured

_DATABASES = {"postgres", "postgresql"}
_DATABASE = "Use postgres://user:password@host:5432/name, or leave it empty for SQLite in CLAW_HOME"
_REDIS = "Use redis://host:6379/0 or rediss://user:password@host:6379/0, or leave it empty"
_QUOTED = "Special characters of a password must be written as %40 for @, %2F for /, %3A for : and so on."


def read_database_url(url: str) -> dict[str, Any]:
    """Return what Django is told of the database; ImproperlyConfigured for a URL that cannot be used."""
    try:
        scheme = urlsplit(url).scheme
        if scheme.startswith("sqlite"):
            raise ImproperlyConfigured(
                "DATABASE_URL names a file of SQLite, but that is always clawsite.sqlite3 in CLAW_HOME. A file with "
                f"data must be moved there first: otherwise an empty one is made. {_DATABASE}."
            )
        if scheme not in _DATABASES:
            raise ImproperlyConfigured(f"DATABASE_URL names no kind of database that is known. {_DATABASE}.")
        return {**dj_database_url.parse(url, conn_max_age=60, conn_health_checks=True)}
    except ValueError:
        raise ImproperlyConfigured(f"DATABASE_URL cannot be read. {_DATABASE}. {_QUOTED}") from None


def check_redis_url(url: str) -> str:
    """Return the URL of Redis; ImproperlyConfigured for one that cannot be used. Nobody is asked."""
    try:
        parts = urlsplit(url)
        known = (parts.scheme == "unix" and parts.path) or (parts.scheme in ("redis", "rediss") and parts.hostname)
        fine = bool(known) and parts.port != 0
    except ValueError:
        raise ImproperlyConfigured(f"REDIS_URL cannot be read. {_REDIS}. {_QUOTED}") from None
    if url and not fine:
        raise ImproperlyConfigured(f"REDIS_URL names no Redis. {_REDIS}.")
    return url
