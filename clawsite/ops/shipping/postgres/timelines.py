"""The line that a server's log has come along: where it was put back to a moment, a new timeline left the old one.

What was written on an old one after that place is not on the line any more, base backups as well: a server that begins
with one of those does not find the way to the newest timeline.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from clawsite.ops.shipping.postgres.names import Base

_PLACE = r"([0-9A-F]{1,8})/([0-9A-F]{1,8})"
_STOP = re.compile(rf"^STOP WAL LOCATION: {_PLACE} \(file ([0-9A-F]{{24}})\)$", re.MULTILINE)
# A line of a history file: the timeline that was left, and at which place of the log.
_LEFT = re.compile(rf"^\s*([0-9]+)\s+{_PLACE}", re.MULTILINE)


@dataclass(frozen=True, kw_only=True, slots=True)
class End:
    """Where a base backup was whole, as its note in the log says: the number of a byte, and the segment of that."""

    place: int
    file: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Line:
    """The newest timeline, and where each of those before it was left: the number of a byte in the log."""

    newest: int
    left: dict[int, int]

    def holds(self, base: Base, end: End) -> bool:
        """Whether a base backup is on the line with all that was written while it was taken."""
        return base.timeline == self.newest or end.place <= self.left.get(base.timeline, 0)


def read_line(history: Path) -> Line:
    """Read the history file of the newest timeline, which is named after it."""
    found = _LEFT.findall(history.read_text(encoding="utf-8", errors="replace"))
    left = {int(timeline): _place(high, low) for timeline, high, low in found}
    return Line(newest=int(history.name[:8], 16), left=left)


def read_end(note: Path) -> End | None:
    """Read the note that a base backup leaves in the log."""
    found = _STOP.search(note.read_text(encoding="utf-8", errors="replace"))
    return End(place=_place(found[1], found[2]), file=found[3]) if found else None


def _place(high: str, low: str) -> int:
    return (int(high, 16) << 32) + int(low, 16)
