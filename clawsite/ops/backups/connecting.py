"""How the programs of PostgreSQL connect as we do: by their environment, so that no password is ever an argument."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

_PARTS = {"PGHOST": "HOST", "PGPORT": "PORT", "PGUSER": "USER", "PGPASSWORD": "PASSWORD", "PGDATABASE": "NAME"}
# Options of DATABASE_URL that they know, too.
_OPTIONS = {"PGSSLMODE": "sslmode", "PGSSLROOTCERT": "sslrootcert", "PGSSLCERT": "sslcert", "PGSSLKEY": "sslkey"}


def environment(given: Mapping[str, Any]) -> dict[str, str]:
    """Return what such a program needs to connect to a database of the settings."""
    options = given.get("OPTIONS") or {}
    found = {
        **{variable: given.get(name) for variable, name in _PARTS.items()},
        **{variable: options.get(name) for variable, name in _OPTIONS.items()},
        "PATH": os.environ.get("PATH"),
    }
    return {variable: str(value) for variable, value in found.items() if value}
