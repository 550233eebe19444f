"""Whether what is committed is copied elsewhere, as the settings want it: only then can a restore go to a moment."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from django.conf import settings
from django.utils import timezone

from clawsite.ops.doctor.finding import Finding, bad, fine, note
from clawsite.ops.running import find_running
from clawsite.ops.shipping.postgres.names import WAL_FILE
from clawsite.ops.shipping.status import shipped

AREA = "log"
# A snapshot of a large database takes a while, and so does a store that is away for a moment.
LATE_SECONDS = 600.0
ADVICE = "The output of worker says why: a place for backups that cannot be used, or a disk that has no room."


def examine() -> Iterator[Finding]:
    """Look how long what was committed has waited for another place, where a worker should bring it there."""
    workers = find_running("worker")
    if not workers:
        return
    if settings.CLAW_ON_SQLITE:
        copied = shipped()
        if copied is not None:
            since = min(row.started_at for row in workers)
            yield _begins(since) if copied.lag is None else _goes_on(copied.lag)
    elif settings.CLAW_WAL_DIR:
        yield _goes_on(_waiting(Path(settings.CLAW_WAL_DIR)))


def _begins(since: datetime) -> Finding:
    if (timezone.now() - since).total_seconds() > LATE_SECONDS:
        return bad(AREA, "The log of the database was never copied: no restore can go to a moment.", ADVICE)
    return note(AREA, "The copying of the database's log has just begun.")


def _goes_on(seconds: float) -> Finding:
    if seconds > LATE_SECONDS:
        return bad(AREA, f"For {seconds / 60:.0f} minutes not all of the database's log has been copied.", ADVICE)
    return fine(AREA, f"The database's log is copied; the oldest that waits does so for {seconds:.0f} s.")


def _waiting(folder: Path) -> float:
    """Return the age of the oldest file that the server archived and that waits there, 0 when none does."""
    ages = [0.0]
    for path in folder.iterdir():
        with suppress(FileNotFoundError):  # sent meanwhile
            if WAL_FILE.fullmatch(path.name):
                ages.append(time.time() - path.stat().st_mtime)
    return max(ages)
