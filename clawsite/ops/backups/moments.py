"""The moment that a restore goes to: later or earlier than its backup, by what was copied of the database's log.

Files come from the backup all the same; only the database is as it was at the moment.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from django.conf import settings
from django.utils.dateparse import parse_datetime
from django.utils.timezone import get_default_timezone

from clawsite.core.errors import BadInput
from clawsite.ops.backups.errors import BackupFailed
from clawsite.ops.backups.identity import Identity
from clawsite.ops.backups.joined import Joined
from clawsite.ops.backups.places import all_stores
from clawsite.ops.shipping.recovery import recover_until
from clawsite.ops.shipping.sending import stored

END = datetime.max.replace(tzinfo=UTC)
"""As far as the log goes."""


def parse_moment(text: str) -> datetime:
    """Return the moment in words such as 2026-11-26T14:03:20; without a zone it is of TIME_ZONE. "end" is END."""
    if text == "end":
        return END
    try:
        found = parse_datetime(text)
    except ValueError:
        found = None
    if found is None:
        raise BadInput('Give a moment such as "2026-11-26 14:03:20" or 2026-11-26T14:03:20Z, or "end".')
    return found if found.tzinfo is not None else found.replace(tzinfo=get_default_timezone())


@dataclass(frozen=True, kw_only=True, slots=True)
class Reached:
    """The moment that was reached, and a sentence for each store that did not give all of the log whole."""

    moment: datetime
    spoilt: Sequence[str]


def go_to(database: Path, until: datetime, *, made_at: str, identity: Identity, proven: bool) -> Reached:
    """Put the database as it was at a moment in the place of a backup's, made at `made_at`; return what was reached."""
    if not settings.CLAW_ON_SQLITE:
        raise BackupFailed("With PostgreSQL its own archive of the log leads to a moment: see the page on recovery.")
    stores = Joined(all_stores())
    if not stored(stores):
        raise BackupFailed("No store has anything of the database's log: restore without --until.")
    target = database.with_name("recovered.sqlite3")
    reached = recover_until(stores, target, like=database, identity=identity, until=until, proven=proven)
    if until == END and reached < datetime.fromisoformat(made_at):
        raise BackupFailed("The log ends before the backup was made: restore without --until.")
    target.replace(database)
    return Reached(moment=reached, spoilt=stores.tell_spoilt())
