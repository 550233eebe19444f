"""Leaving out at start-up what will not be used. Imports nothing of Django: it must come before everything else."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence

ROLE_COMMANDS = ("up", "web", "bots", "worker")


def skip_unused_drivers(argv: Sequence[str], environment: Mapping[str, str]) -> None:
    """Keep the roles from loading the PostgreSQL driver when they run on SQLite.

    The admin's theme imports it wherever it is installed: 9 MB and a good part of the time to the first answer.
    """
    wanted = environment.get("DATABASE_URL") or environment.get("DATABASE_URL_FILE")
    if argv[1:2] and argv[1] in ROLE_COMMANDS and not wanted:
        sys.modules.setdefault("psycopg", None)  # type: ignore[arg-type]  # None: "not there" to every import
