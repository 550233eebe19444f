"""Names in the stores: `pgwal/FILE.age` for files of the log, `pgbase/MOMENT-FILE.age` for base backups.

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
_BASE = re.compile(r"pgbase/([0-9]{13})-([0-9A-F]{24})\.age")
SUFFIX = ".age"


@dataclass(frozen=True, kw_only=True, slots=True, order=True)
class Base:
    """A base backup in a store."""

    moment: int
    first: str

    @property
    def name(self) -> str:
        """Its name there."""
        return f"{BASE_PREFIX}{self.moment:013d}-{self.first}{SUFFIX}"


def find_base(name: str) -> Base | None:
    """Return the base backup that a name stands for, None for another name."""
    found = _BASE.fullmatch(name)
    return Base(moment=int(found[1]), first=found[2]) if found else None


def wal_name(file: str) -> str:
    """Return the name under which a file of the log is stored."""
    return f"{WAL_PREFIX}{file}{SUFFIX}"


def find_wal(name: str) -> str:
    """Return the file of the log that a name stands for, "" for another name."""
    file = name.removeprefix(WAL_PREFIX).removesuffix(SUFFIX)
    return file if WAL_FILE.fullmatch(file) and name == wal_name(file) else ""


def is_segment(file: str) -> bool:
    """Tell whether a file holds a piece of the log itself."""
    return len(file) == SEGMENT_CHARS and WAL_FILE.fullmatch(file) is not None


def is_needed(file: str, base: Base) -> bool:
    """Tell whether a recovery from a base backup may ask for a file.

    A later timeline may begin in an older file: a server that was put back to a moment counts on from there.
    """
    return file.endswith(".history") or file[:8] > base.first[:8] or file[8:24] >= base.first[8:24]
