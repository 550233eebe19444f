"""Leaving out at start-up what is not needed. Imports nothing of Django: it must come before everything else."""

from __future__ import annotations

import gc
import sys
from collections.abc import Mapping, Sequence

ROLE_COMMANDS = ("up", "web", "bots", "worker")


def skip_unused_drivers(argv: Sequence[str], environment: Mapping[str, str]) -> None:
    """Keep the roles from loading the PostgreSQL driver when they run on SQLite, and httpx its command line.

    The admin's theme imports the driver wherever it is installed: 9 MB and a good part of the time to the first answer.
    httpx does the same with what its command line needs, which only comes with the tools of developers: 10 MB.
    """
    if argv[1:2] and argv[1] in ROLE_COMMANDS:
        if not (environment.get("DATABASE_URL") or environment.get("DATABASE_URL_FILE")):
            _skip("psycopg")
        _skip("click", "pygments", "rich")


def skip_collecting(argv: Sequence[str]) -> None:
    """Keep the supervisor from looking for garbage while it loads modules, which leave none: a sixth of its start.

    Its children collect as usual.
    """
    if argv[1:2] == ["up"]:
        gc.disable()


def _skip(*names: str) -> None:
    for name in names:
        sys.modules.setdefault(name, None)  # type: ignore[arg-type]  # None: "not there" to every import
