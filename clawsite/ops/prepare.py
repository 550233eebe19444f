"""What is done once before the roles start: migrations, the rows that settings describe, the first admin's link.

It runs in a process of its own, because the supervisor must not touch the database.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from django.conf import settings
from django.core.management import call_command
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor

from clawsite.core.dbtrouble import explain, is_trouble
from clawsite.core.errors import ClawError
from clawsite.core.process import void_dead_local_processes
from clawsite.ops.backups.scratch import clear_scratch
from clawsite.ops.backups.swapping import finish_restore
from clawsite.ops.demo import demo_servers
from clawsite.ops.example import prepare_example
from clawsite.ops.first_admin import prepare_first_admin
from sessions_app.channels import sync_channels_from_settings

logger = logging.getLogger(__name__)

# Any number that nobody else uses for an advisory lock of this database.
_LOCK = 0x636C6177
# Another machine may be bringing a large database up to date; no other lock is waited for so long.
_PATIENCE = "30min"


def has_unapplied_migrations() -> bool:
    """Tell whether the database is behind the code."""
    executor = MigrationExecutor(connection)
    return bool(executor.migration_plan(executor.loader.graph.leaf_nodes()))


def prepare(answer_fd: int, *, migrate: bool, link: bool) -> int:
    """Prepare the installation and write {"link": path} or {"error": sentence} to the pipe; return the exit code."""
    answer, code = {}, 0
    try:
        answer["link"] = prepare_installation(migrate=migrate, link=link)
    except ClawError as error:
        answer["error"], code = error.message, 1
    except DatabaseError as error:
        if not is_trouble(error):
            raise
        answer["error"], code = explain(error), 1
    connection.close()
    with suppress(BrokenPipeError):
        os.write(answer_fd, json.dumps(answer).encode())
    return code


def prepare_installation(*, migrate: bool, link: bool) -> str:
    """Prepare the installation and return the path of the first admin's link, "" when none is needed.

    link: whether the caller shows it. A new one takes the place of the one before, which then works no more.
    """
    finish_restore()
    for folder in (settings.CLAW_HOME, settings.CLAW_BACKUP_DIR):
        clear_scratch(Path(folder))
    with _alone():
        if migrate and has_unapplied_migrations():
            logger.info("bringing the database up to date")
            call_command("migrate", interactive=False, verbosity=0)
        void_dead_local_processes()
        sync_channels_from_settings()
        path = prepare_first_admin() if link else ""
        prepare_example(demo_servers(os.environ))
    return path


@contextmanager
def _alone() -> Iterator[None]:
    """Let one machine at a time prepare a shared database. SQLite's own lock does that already."""
    if settings.CLAW_ON_SQLITE:
        yield
        return
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('lock_timeout', %s, false)", [_PATIENCE])
        cursor.execute("SELECT pg_advisory_lock(%s)", [_LOCK])
        cursor.execute("RESET lock_timeout")
        try:
            yield
        finally:
            cursor.execute("SELECT pg_advisory_unlock(%s)", [_LOCK])
