"""How the copying of the log is, in one look at files and server: for health, metrics, doctor and self alerts."""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings

from clawsite.ops.shipping.postgres.names import BASELESS, WAL_FILE
from clawsite.ops.shipping.postgres.server import seconds_behind
from clawsite.ops.shipping.spool import FOLDER, now, read_state, waiting

# A snapshot of a large database takes a while, and so does a store that is away for a moment.
LATE_SECONDS = 600.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Shipped:
    """`lag` is how many seconds of commits would be lost with this disk, None while nothing was ever copied.

    `waiting` is how many parts the stores do not have yet, `snapshot_age` the seconds since the newest snapshot, which
    is known of SQLite only. Of PostgreSQL, `lag` counts from the oldest file that its server archived and that waits,
    from when its server began to fail at that, or from when there was no base backup any more that the log goes on
    from, whichever is longer.
    """

    lag: float | None
    waiting: int
    snapshot_age: float | None


def shipped() -> Shipped | None:
    """Return how far the log is copied; None where that is not wanted."""
    if not settings.CLAW_ON_SQLITE:
        return _archived(Path(settings.CLAW_WAL_DIR)) if settings.CLAW_WAL_DIR else None
    if not settings.CLAW_SHIPPING_SECONDS:
        return None
    root = settings.CLAW_HOME / FOLDER
    state, parts = read_state(root), waiting(root)
    if state is None or not state.snapshot_at:
        return Shipped(lag=None, waiting=len(parts), snapshot_age=None)
    copied = min([state.moment, *(part.moment for part in parts)])
    return Shipped(lag=_age(copied), waiting=len(parts), snapshot_age=_age(state.snapshot_at))


def _archived(folder: Path) -> Shipped:
    failing = seconds_behind()
    try:
        files = [path for path in folder.iterdir() if WAL_FILE.fullmatch(path.name)]
    except OSError:
        return Shipped(lag=None, waiting=0, snapshot_age=None)
    if failing is None:
        return Shipped(lag=None, waiting=len(files), snapshot_age=None)
    ages = [failing]
    for path in (*files, folder / FOLDER / BASELESS):
        with suppress(FileNotFoundError):  # sent meanwhile
            ages.append(time.time() - path.stat().st_mtime)
    return Shipped(lag=max(ages), waiting=len(files), snapshot_age=None)


def _age(moment: int) -> float:
    return max(0.0, (now() - moment) / 1000)
