"""Databases as the migrations leave them: made once for a whole run, and copied for whoever begins with one.

Making one takes seconds of a processor, and most tests of an installation begin with it. That an installation makes
its own is shown where one is started in an empty directory, or on a server's own database.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.engine import SHARED, make_database, servers_of
from tests.programs import ROOT
from tests.servers.services import PostgresService

NAME = "clawsite.sqlite3"


def put_database(home: Path) -> dict[str, str]:
    """Give an installation a database if it has none yet; return what its environment says of it."""
    servers = servers_of(home)
    if servers:
        make_database(servers["DATABASE_URL"])
    else:
        put_file(home)
    return servers


def put_empty(home: Path) -> dict[str, str]:
    """Do the same with nothing in the database, as for an installation that is new."""
    servers = servers_of(home)
    if servers:
        make_database(servers["DATABASE_URL"], template="template0")
    return servers


def put_file(home: Path, *, name: str = NAME) -> None:
    """Put a SQLite file into a state directory that has none yet."""
    home.mkdir(parents=True, exist_ok=True)
    if (home / name).exists():
        return
    with _kept(NAME) as kept:
        if not kept.exists():
            made = kept.with_name("home")
            shutil.rmtree(made, ignore_errors=True)
            _migrate(CLAW_HOME=str(made))
            (made / NAME).rename(kept)
    shutil.copyfile(kept, home / name)


def put_cluster(service: PostgresService) -> None:
    """Give a server that was never started a cluster whose new databases hold our tables."""
    with _kept("postgres") as kept:
        if not kept.exists():
            with PostgresService.running(service.postgres, service.initdb) as made:
                _migrate(CLAW_HOME=str(kept.with_name("home")), DATABASE_URL=made.url("template1"))
                made.stop()
                made.copy_data(kept)
    service.take_data(kept)


@contextmanager
def _kept(name: str) -> Iterator[Path]:
    """Give where something is kept; whoever comes first makes it, and the others wait for that."""
    place = Path(os.environ[SHARED])
    place.mkdir(parents=True, exist_ok=True)
    with (place / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield place / name


def _migrate(**environment: str) -> None:
    ours = ("CLAW_", "DATABASE_URL", "REDIS_URL", "DJANGO_")
    clean = {key: value for key, value in os.environ.items() if not key.startswith(ours)}
    subprocess.run(
        [sys.executable, "manage.py", "migrate", "--verbosity", "0"],
        cwd=ROOT, env=clean | environment, check=True, timeout=300,
    )  # fmt: skip
