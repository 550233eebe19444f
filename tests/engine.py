"""Which database the tests run on: SQLite and nothing else, or a PostgreSQL and a Redis (`python -m tests.scaled`).

Everybody who keeps rows has a database of their own there, named after their folder, and one of Redis: a process of
the tests, and each installation that a test starts.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import sys
from pathlib import Path

import pytest

POSTGRESQL = "TESTS_POSTGRESQL"
REDIS = "TESTS_REDIS"
# Names the directory of what all processes of a run share: set by the first of them, see tests.environment.
SHARED = "TESTS_TEMPLATES"
OWN = ("DATABASE_URL", "REDIS_URL")
REASON = "it is about SQLite itself, and these tests run on PostgreSQL"


def is_scaled() -> bool:
    """Tell whether the tests run on PostgreSQL."""
    return POSTGRESQL in os.environ


def servers_of(home: Path) -> dict[str, str]:
    """Return what tells an installation where its rows are; nothing on SQLite, which has them in its home."""
    if not is_scaled():
        return {}
    servers = {"DATABASE_URL": f"{os.environ[POSTGRESQL]}/tests_{hashlib.sha256(str(home).encode()).hexdigest()[:20]}"}
    if REDIS in os.environ:
        servers["REDIS_URL"] = f"{os.environ[REDIS]}/{_number(str(home))}"
    return servers


def make_database(url: str, *, template: str = "template1") -> None:
    """Make the database of a URL, which holds what a template of its server holds, unless it is there."""
    import psycopg  # noqa: PLC0415 - this module is loaded before everything else
    from psycopg import sql  # noqa: PLC0415

    server, _, name = url.rpartition("/")
    with psycopg.connect(f"{server}/postgres", autocommit=True) as connection:
        if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone():
            made = sql.SQL("CREATE DATABASE {} TEMPLATE {}")
            connection.execute(made.format(sql.Identifier(name), sql.Identifier(template)))


def learn_rows() -> None:
    """Have PostgreSQL look at what was just written, as it soon does by itself: its plans are guesses before.

    SQLite needs no such look.
    """
    from django.db import connection  # noqa: PLC0415 - this module is loaded before Django's settings

    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE")


def forget_counts() -> None:
    """Begin without what the test before counted: limits and the cache in the Redis of all, service levels, costs."""
    if (levels := sys.modules.get("clawsite.ops.levels.week")) is not None:
        levels.WEEK.forget()
    if (budget := sys.modules.get("bots.agent.budget")) is not None:
        budget.forget_costs()
    if REDIS in os.environ:
        import redis  # noqa: PLC0415 - only where there is one
        from django.conf import settings  # noqa: PLC0415 - as above

        with redis.Redis.from_url(settings.REDIS_URL) as client:
            client.flushdb()


def skip_what_is_sqlite(items: list[pytest.Item]) -> None:
    """Skip on PostgreSQL what carries the mark of SQLite."""
    for item in items:
        if is_scaled() and item.get_closest_marker("sqlite"):
            item.add_marker(pytest.mark.skip(reason=REASON))


def _number(name: str) -> int:
    """Return which of Redis' databases somebody has; the list is a file that all processes of the run share."""
    place = Path(os.environ[SHARED])
    place.mkdir(parents=True, exist_ok=True)
    with (place / "redis").open("a+") as numbered:
        fcntl.flock(numbered, fcntl.LOCK_EX)
        numbered.seek(0)
        names = numbered.read().splitlines()
        if name not in names:
            numbered.write(f"{name}\n")
            names.append(name)
        return names.index(name)
