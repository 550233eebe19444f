"""The kinds of job that look after this installation."""

from __future__ import annotations

from typing import Any

from clawsite.ops.backups.job import BACKUP
from clawsite.ops.housekeeping import clean
from guardrails.types import Role
from runbooks.jobs import JobContext, JobKind, register_kind


def _clean(ctx: JobContext) -> dict[str, Any]:
    """Remove what nobody needs any more, and say how many rows of each kind that was."""
    return clean()


def register_kinds() -> None:
    """Add them to the registry."""
    register_kind(BACKUP)
    register_kind(
        JobKind(
            name="clean",
            run=_clean,
            description="Removes rows and files that are older than they are kept. Runs every hour by itself, too.",
            seconds=1800,
            role=Role.ADMIN,
        )
    )
