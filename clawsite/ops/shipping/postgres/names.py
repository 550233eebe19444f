"""Names in the stores: `pgwal/SYSTEM-FILE.age` for the log, `pgbase/MOMENT-SYSTEM-FILE.age` for base backups.

SYSTEM is the number that a server has had since its directory was made, as PostgreSQL tells it; 0 for a file that does
not say. One that takes the place of another counts its files from 1 again, and must not write over those of the other.
A base backup's name says when it was whole, in milliseconds since the epoch, and with which file of the log it begins.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

WAL_PREFIX = "pgwal/"
BASE_PREFIX = "pgbase/"
# A segment, the note that a base backup leaves, the history of a timeline.
WAL_FILE = re.compile(r"[0-9A-F]{24}(?:\.[0-9A-F]{8}\.backup)?|[0-9A-F]{8}\.history")
SEGMENT_CHARS = 24
HISTORY = ".history"
_BASE = re.compile(r"pgbase/([0-9]{13})-([0-9]{1,20})-([0-9A-F]{24})\.age")
_WAL = re.compile(rf"pgwal/([0-9]{{1,20}})-({WAL_FILE.pattern})\.age")
SUFFIX = ".age"
# A file in the spool, as old as the log has been without a base backup to go on from.
BASELESS = "baseless"


@dataclass(frozen=True, kw_only=True, slots=True, order=True)
class Base:
    """A base backup in a store."""

    moment: int
    first: str
    system: str

    @property
    def name(self) -> str:
        """Its name there."""
        return f"{BASE_PREFIX}{self.moment:013d}-{self.system}-{self.first}{SUFFIX}"

    @property
    def timeline(self) -> int:
        """The timeline on which it was taken."""
        return int(self.first[:8], 16)


@dataclass(frozen=True, kw_only=True, slots=True, order=True)
class Wal:
    """A file of the log, as its server calls it."""

    system: str
    file: str

    @property
    def name(self) -> str:
        """Its name in a store."""
        return f"{WAL_PREFIX}{self.system}-{self.file}{SUFFIX}"


def find_base(name: str) -> Base | None:
    """Return the base backup that a name stands for, None for another name."""
    found = _BASE.fullmatch(name)
    return Base(moment=int(found[1]), system=found[2], first=found[3]) if found else None


def find_wal(name: str) -> Wal | None:
    """Return the file of the log that a name stands for, None for another name."""
    found = _WAL.fullmatch(name)
    return Wal(system=found[1], file=found[2]) if found else None


def is_segment(file: str) -> bool:
    """Tell whether a file holds a piece of the log itself."""
    return len(file) == SEGMENT_CHARS and WAL_FILE.fullmatch(file) is not None


def is_needed(wal: Wal, base: Base) -> bool:
    """Tell whether a recovery from a base backup may ask for a file.

    A later timeline may begin in an older file: a server that was put back to a moment counts on from there.
    """
    file, first = wal.file, base.first
    is_later = file.endswith(HISTORY) or file[:8] > first[:8] or file[8:24] >= first[8:24]
    return wal.system == base.system and is_later
