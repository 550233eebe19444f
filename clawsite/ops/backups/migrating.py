"""Running migrations in a process of its own, on a database that is not the one this process uses."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from django.conf import settings

from clawsite.ops.backups.about import About, is_older
from clawsite.ops.backups.errors import BackupFailed
from guardrails.processes import Limits, run

SECONDS = 1800.0
_LIMITS = Limits(seconds=SECONDS, cpu_seconds=0, memory_bytes=0, file_bytes=0)


def manage(*arguments: str, env: dict[str, str]) -> None:
    """Run one of our commands with these variables beside those of this process; BackupFailed tells its last line."""
    done = run(
        [sys.executable, str(settings.BASE_DIR / "manage.py"), *arguments],
        cwd=settings.BASE_DIR,
        env={**os.environ, **env},
        limits=_LIMITS,
        with_parent=True,
    )
    if not done.ok:
        told = done.stderr.decode(errors="replace").strip().splitlines() or ["it took too long"]
        raise BackupFailed(f"manage.py {arguments[0]} did not succeed: {told[-1][:200]}")


def migrate_scratch(about: About, folder: Path) -> Path:
    """Make an empty SQLite database with exactly the migrations that a backup has; return its path."""
    home = folder / "schema"
    env = {"CLAW_HOME": str(home), "DATABASE_URL": "", "DATABASE_URL_FILE": ""}
    if not is_older(about):
        manage("migrate", "--verbosity", "0", env=env)
    else:
        for app, name in sorted(dict(sorted(about.migrations)).items()):  # the last migration of each app
            manage("migrate", app, name, "--verbosity", "0", env=env)
    return home / "clawsite.sqlite3"
