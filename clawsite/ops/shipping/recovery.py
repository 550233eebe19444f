"""The database as it was at a moment: the newest snapshot before it, and the segments up to it."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

from clawsite.ops.backups.about import describe
from clawsite.ops.backups.errors import BackupFailed, BadArchive
from clawsite.ops.backups.identity import Identity
from clawsite.ops.backups.joined import Joined
from clawsite.ops.backups.sqlite import applied_migrations, objects, opened
from clawsite.ops.backups.sqlite import check as check_schema
from clawsite.ops.shipping.names import Part, as_they_came, only
from clawsite.ops.shipping.reading import lay
from clawsite.ops.shipping.sending import stored

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# Years before the first log (2020-01-01): an earlier moment was told by a clock that was not set yet.
EARLIEST = 1_577_836_800_000
_NEVER = 1 << 63


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """What leads to a moment: nothing is in it that was committed after `moment` (milliseconds since the epoch).

    A clock that was not set yet tells none: then it is the last one before that. What was committed just before it,
    while the log was looked at, may be in the next part only.
    """

    snapshot: Part
    segments: list[Part]
    moment: int


def plan(parts: Sequence[Part], *, until: int | None = None) -> Plan:
    """Return what to lay on what; BackupFailed when nothing reaches so far back, or something in between is missing."""
    there = _there_at(parts)
    snapshots = [part for part in only("snap", parts) if until is None or there[part] <= until]
    if not snapshots:
        raise BackupFailed("No snapshot of the log is so old: nothing to begin the recovery with.")
    snapshot = snapshots[-1]
    later = [part for part in only("seg", parts) if part.chain == snapshot.chain and part.number > snapshot.number]
    segments = _going_on(later if until is None else _up_to(later, until, there))
    whole = segments[: _whole(segments, snapshot.number)]
    reached = Plan(snapshot=snapshot, segments=whole, moment=_told(parts, [snapshot, *whole][-1]))
    if len(reached.segments) < len(segments):
        last = _moment(max(reached.moment, snapshot.moment)).isoformat(timespec="milliseconds")
        raise BackupFailed(f"A part of the log is missing. What there is leads up to this moment, for --until: {last}")
    return reached


def _there_at(parts: Sequence[Part]) -> dict[Part, int]:
    """Return for each part its moment; where the clock was not set yet, the first that it told when it was."""
    found, moment = {}, _NEVER
    for part in reversed(as_they_came(parts)):
        if part.moment >= EARLIEST:
            moment = part.moment
        found[part] = moment
    return found


def _told(parts: Sequence[Part], last: Part) -> int:
    """Return the last moment up to a part that was told by a clock that was set."""
    came = as_they_came(parts)
    told = [part.moment for part in came[: came.index(last) + 1] if part.moment >= EARLIEST]
    return told[-1] if told else last.moment


def _up_to(found: Sequence[Part], until: int, there: Mapping[Part, int]) -> list[Part]:
    """Return the segments that lead to the newest one of that time, also those that a wrong clock gave a later one."""
    timely = {part.number for part in found if there[part] <= until}
    last = max(timely, default=0)
    return [part for part in found if there[part] <= until or (part.number < last and part.number not in timely)]


def _going_on(found: Sequence[Part]) -> list[Part]:
    """Return of each number the newest segment.

    There are two of a number when a machine went back to an older state of its disk. What had followed the older one
    then belongs to what it went back from: its pages must not be laid on the newer one.
    """
    segments: list[Part] = []
    least = 0
    for part in found:
        if segments and segments[-1].number == part.number:
            segments[-1], least = part, part.moment
        elif part.moment >= least:
            segments.append(part)
    return segments


def _whole(segments: Sequence[Part], number: int) -> int:
    """Return how many segments follow each other without a hole."""
    return next((index for index, part in enumerate(segments) if part.number != number + index + 1), len(segments))


def recover_until(
    stores: Joined, target: Path, *, like: Path, identity: Identity, until: datetime | None = None, proven: bool = True
) -> datetime:
    """Make the database as it was at a moment, or at the last one there is, and return that moment.

    What was committed after it, up to the next copy of the log, is not in it. `target` must not exist; `like` is a
    database whose schema is known to be ours.
    """
    way = plan(stored(stores), until=None if until is None else milliseconds(until))
    recover(stores, way, target, identity=identity, check=partial(check_ours, like=like), proven=proven)
    return _moment(way.moment)


def _moment(milliseconds: int) -> datetime:
    return _EPOCH + timedelta(milliseconds=milliseconds)


def milliseconds(moment: datetime) -> int:
    """Return a moment as names tell it."""
    return (moment - _EPOCH) // timedelta(milliseconds=1)


def recover(
    stores: Joined, way: Plan, target: Path, *, identity: Identity, check: Callable[[Path], None], proven: bool = True
) -> None:
    """Make the database of a plan as a new file, which has its name only when `check` finds nothing wrong with it."""
    draft = target.with_name(f"{target.name}.draft")
    try:
        with os.fdopen(os.open(draft, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "w+b") as file:
            for part in (way.snapshot, *way.segments):
                onto = partial(lay, part=part, target=file, folder=target.parent, identity=identity, proven=proven)
                stores.read(part.name, onto)
            file.flush()
            os.fsync(file.fileno())
        check(draft)
        draft.replace(target)
    finally:
        draft.unlink(missing_ok=True)


def check_ours(path: Path, *, like: Path) -> None:
    """See that a recovered database is whole and has our tables and nothing else; BadArchive otherwise.

    One of the same version must look as `like` does; for another one its own migrations are run to compare.
    """
    try:
        with opened(path) as base, opened(like) as known:
            migrations = applied_migrations(base)
            if objects(base) == objects(known):
                # Now that the schema is known to be ours, its checks may run: they call json_valid().
                base.execute("PRAGMA trusted_schema=ON")
                found = base.execute("PRAGMA integrity_check(1)").fetchone()[0]
                if found != "ok":
                    raise BadArchive(f"The recovered database is damaged: {found}")
                return
    except sqlite3.Error as error:
        raise BadArchive(f"The recovered database cannot be read: {error}.") from None
    check_schema(path, describe(migrations=migrations, counts={}, schema="", sha256="", size=path.stat().st_size))
