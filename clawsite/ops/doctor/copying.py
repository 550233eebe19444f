"""Whether what is committed is copied elsewhere, as the settings want it: only then can a restore go to a moment."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from django.utils import timezone

from clawsite.ops.doctor.finding import Finding, bad, fine, note
from clawsite.ops.running import find_running
from clawsite.ops.shipping.status import LATE_SECONDS, shipped

AREA = "log"
ADVICE = (
    "The output of worker says why: a place for backups that cannot be used, or a disk that has no room. "
    "With PostgreSQL it may be in its server's: `manage.py postgreslog settings` says how that archives its log."
)


def examine() -> Iterator[Finding]:
    """Look how long what was committed has waited for another place, where a worker should bring it there."""
    workers, copied = find_running("worker"), shipped()
    if workers and copied is not None:
        since = min(row.started_at for row in workers)
        yield _begins(since) if copied.lag is None else _goes_on(copied.lag)


def _begins(since: datetime) -> Finding:
    if (timezone.now() - since).total_seconds() > LATE_SECONDS:
        return bad(AREA, "The log of the database was never copied: no restore can go to a moment.", ADVICE)
    return note(AREA, "The copying of the database's log has just begun.")


def _goes_on(seconds: float) -> Finding:
    if seconds > LATE_SECONDS:
        return bad(AREA, f"For {seconds / 60:.0f} minutes not all of the database's log has been copied.", ADVICE)
    return fine(AREA, f"The database's log is copied; the oldest that waits does so for {seconds:.0f} s.")
