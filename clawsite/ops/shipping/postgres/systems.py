"""Which server a file is of: the number that it got when its directory was made, as PostgreSQL itself tells it."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from pathlib import Path
from typing import IO

from clawsite.ops.shipping.postgres.names import is_segment

UNKNOWN = "0"
# The head of a segment (XLogLongPageHeaderData): which parts it has at 2, the number of the system at 24.
_HEAD = struct.Struct("=2xH20xQ")
_IS_LONG = 0x0002
_NUMBER = struct.Struct("=Q")


def system_of(segment: Path) -> str:
    """Return the number of the server that wrote a segment, UNKNOWN when it does not say. OSError: it is gone."""
    with segment.open("rb") as file:
        head = file.read(_HEAD.size)
    if len(head) < _HEAD.size:
        return UNKNOWN
    parts, number = _HEAD.unpack(head)
    return str(number) if parts & _IS_LONG else UNKNOWN


def system_of_control(control: IO[bytes]) -> str:
    """Return the number that a server's pg_control begins with."""
    return str(_NUMBER.unpack(control.read(_NUMBER.size))[0])


class Systems:
    """Knows whose each file of a folder is. What is no segment does not say, and is of the server of the next one."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._known: dict[str, str] = {}
        self._last = ""

    def look(self, names: Iterable[str]) -> dict[str, str]:
        """Return the system of each of the sorted names but those of which that is not known yet."""
        names = list(names)
        known = {name: self._known.get(name) or system_of(self._folder / name) for name in names if is_segment(name)}
        self._known = dict(known)
        self._last = next(reversed(known.values()), self._last)
        following = self._last
        for name in reversed(names):
            following = known.get(name, following)
            if following:
                known[name] = following
        return known
