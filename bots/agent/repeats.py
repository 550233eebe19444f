"""Notices a model that goes round in circles: the same call with the same result, or two by turns. Pure."""

from __future__ import annotations

import hashlib
from collections import deque
from dataclasses import dataclass, field

WARN_AT = 3
STOP_AT = 5
# Two calls by turns, each with the result it always has, so many in all.
TURNS_AT = 8
HINT = "\n[This same call has now given the same result {count} times. Do something else or answer.]"


@dataclass(slots=True)
class Repeats:
    """Counts by call how often in a row it gave the same result. Lives as long as one run, so it is small."""

    _seen: dict[str, tuple[str, int]] = field(default_factory=dict)
    _last: deque[tuple[str, str]] = field(default_factory=lambda: deque(maxlen=TURNS_AT))
    stuck: bool = False

    def count(self, call: str, result: str) -> int:
        """Add one result of a call (name and arguments hash) and return how often in a row it was this one."""
        digest = hashlib.sha256(result.encode(errors="replace")).hexdigest()
        last, times = self._seen.get(call, ("", 0))
        times = times + 1 if last == digest else 1
        self._seen[call] = (digest, times)
        self._last.append((call, digest))
        self.stuck = self.stuck or times >= STOP_AT or self._takes_turns()
        return times

    def _takes_turns(self) -> bool:
        """Tell whether the last calls were two different ones by turns: A, B, A, B and so on."""
        last = list(self._last)
        evens, odds = set(last[::2]), set(last[1::2])
        return len(last) == TURNS_AT and len(evens) == len(odds) == 1 and evens != odds

    def hint(self, times: int) -> str:
        """Return what to tell the model about it, or ""."""
        return HINT.format(count=times) if times >= WARN_AT else ""
