"""Base backups by pg_basebackup, as the user of DATABASE_URL, who needs the right REPLICATION."""

from __future__ import annotations

import os
import re
import tarfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings

from clawsite.ops.backups.connecting import environment
from clawsite.ops.backups.errors import BackupFailed
from clawsite.ops.shipping.postgres.systems import system_of_control
from guardrails.processes import Limits, run

SECONDS = 3 * 3600.0
_LIMITS = Limits(seconds=SECONDS, cpu_seconds=0, memory_bytes=0, file_bytes=0)
_LABEL = re.compile(r"^START WAL LOCATION: [0-9A-F/]+ \(file ([0-9A-F]{24})\)$", re.MULTILINE)


@dataclass(frozen=True, kw_only=True, slots=True)
class Taken:
    """A base backup as a tar, the server that it is of, and the file of the log that it begins with."""

    path: Path
    system: str
    first: str


def take_base(folder: Path, *, check: Callable[[], None] | None = None) -> Taken:
    """Write a base backup into an empty folder.

    This ends when the server has archived all of the log that the backup needs, or by what `check` raises, which is
    called many times a second.
    """
    done = run(
        ["pg_basebackup", "--format=tar", f"--pgdata={folder}", "--wal-method=none", "--checkpoint=fast",
         "--no-manifest", "--no-password"],
        cwd=folder.parent, env=environment(settings.DATABASES["default"]), limits=_LIMITS, with_parent=True,
        check=check,
    )  # fmt: skip
    if not done.ok:
        told = done.stderr.decode(errors="replace").strip().splitlines() or ["it took too long"]
        raise BackupFailed(f"pg_basebackup did not succeed: {told[-1][:300]}")
    if sorted(os.listdir(folder)) != ["base.tar"]:
        raise BackupFailed("The server has tablespaces, which a recovery to a moment does not cover.")
    return _describe(folder / "base.tar")


def _describe(base: Path) -> Taken:
    """Read what a backup says of itself; it is our own, just written."""
    with tarfile.open(base) as archive:
        label, control = (archive.extractfile(name) for name in ("backup_label", "global/pg_control"))
        found = _LABEL.search(label.read().decode("ascii", "replace")) if label is not None else None
        if found is None or control is None:
            raise BackupFailed("The base backup does not say of which server it is, or where in the log it begins.")
        return Taken(path=base, system=system_of_control(control), first=found[1])
