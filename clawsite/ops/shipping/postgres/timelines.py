"""The line that a server's log has come along: where it was put back to a moment, a new timeline left the old one.

What was written on an old one after that place is not on the line any more, base backups as well: a server that begins
with one of those does not find the way to the newest timeline.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from clawsite.ops.shipping.postgres.names import Base

# A line of a history file: the timeline that was left, and at which place of the log.
_LEFT = re.compile(r"^\s*([0-9]+)\s+([0-9A-F]{1,8})/([0-9A-F]{1,8})", re.MULTILINE)


@dataclass(frozen=True, kw_only=True, slots=True)
class Line:
    """The newest timeline, and where each of those before it was left: the number of a byte in the log."""

    newest: int
    left: dict[int, int]

    def holds(self, base: Base, *, segment_bytes: int) -> bool:
        """Whether a base backup is on the line. The server ends a segment with each, so none ends within the last."""
        timeline, high, low = (int(base.first[at : at + 8], 16) for at in (0, 8, 16))
        if timeline == self.newest:
            return True
        place = (high << 32) + low * segment_bytes
        return place + segment_bytes <= self.left.get(timeline, 0)


def read_line(history: Path) -> Line:
    """Read the history file of the newest timeline, which is named after it."""
    found = _LEFT.findall(history.read_text(encoding="utf-8", errors="replace"))
    left = {int(timeline): (int(high, 16) << 32) + int(low, 16) for timeline, high, low in found}
    return Line(newest=int(history.name[:8], 16), left=left)
