"""When to start a role again, and when to take it for hung, too large or stuck. Pure decisions; others act on them."""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field

# Seconds before each start after a death; the last one repeats.
PAUSES = (0.0, 0.0, 1.0, 5.0, 15.0, 60.0)
# From so many early deaths on it is a crash loop.
LOOP_DEATHS = 4
# A run this long is no part of a crash loop: it takes one earlier death back; a minute takes back all.
WORKING_SECONDS = 5.0
HEALTHY_SECONDS = 60.0
# A role may need so long to its first beat, whatever the limit between beats is.
START_SECONDS = 30.0
# The exit code of a role that ends of its own accord to begin anew. Every supervisor takes it for a failure to restart.
ANEW = 75
# So many looks in a row, so that what passes is no reason; and not while a role is young: its need is a real one then.
LOOKS_OVER = 3
YOUNG_SECONDS = 300.0
# Growth is told from samples a minute apart, over an hour, once there are enough of them to see past the noise.
SAMPLE_SECONDS = 60.0
SAMPLES, LEAST_SAMPLES = 60, 15
# A gap in the supervisor's own loop (a paused machine) says nothing about the roles.
OWN_GAP_SECONDS = 3.0


@dataclass(kw_only=True, slots=True)
class Backoff:
    """Counts early deaths. Being killed from outside, however often, is not a crash loop and costs no time."""

    deaths: int = field(default=0)

    def next_pause(self, *, ran: float, killed: bool) -> float:
        """Count a death after a run of so many seconds; return how long to wait before the next start.

        `killed`: by SIGKILL while it did its work, which no code of its own does.
        """
        if killed and ran < WORKING_SECONDS:
            return 0.0
        if ran >= HEALTHY_SECONDS:
            self.deaths = 0
        elif ran >= WORKING_SECONDS:
            self.deaths = max(0, self.deaths - 1)
        pause = PAUSES[min(self.deaths, len(PAUSES) - 1)]
        if ran < WORKING_SECONDS:
            self.deaths += 1
        return pause

    @property
    def is_loop(self) -> bool:
        """Tell whether starting it again has not helped so often that somebody should look."""
        return self.deaths >= LOOP_DEATHS


def is_hung(*, silent: float, started: bool, hang_seconds: float) -> bool:
    """Tell whether so many seconds of silence mean that a role hangs. `started`: it has beaten before."""
    return silent > (hang_seconds if started else max(hang_seconds, START_SECONDS))


@dataclass(kw_only=True, slots=True)
class MemoryLimit:
    """Decides that a role needs so much memory that it is to begin anew. A limit of 0 is none."""

    limit: int
    looks: int = field(default=0)

    def is_over(self, used: int, *, ran: float) -> bool:
        """Look once, at what a role uses after so many seconds; True when it has been too much for some looks."""
        self.looks = self.looks + 1 if 0 < self.limit < used else 0
        return self.looks >= LOOKS_OVER and ran >= YOUNG_SECONDS


@dataclass(kw_only=True, slots=True)
class Growth:
    """By how much a role's memory grows: the slope of a line through its samples."""

    _samples: deque[tuple[float, int]] = field(default_factory=lambda: deque(maxlen=SAMPLES))

    def add(self, used: int, *, at: float) -> None:
        """Note what is used; more often than once a minute adds nothing."""
        if not self._samples or at - self._samples[-1][0] >= SAMPLE_SECONDS:
            self._samples.append((at, used))

    def bytes_per_hour(self) -> int | None:
        """Return the growth; None while there are too few samples to tell."""
        count = len(self._samples)
        if count < LEAST_SAMPLES:
            return None
        middle = sum(at for at, _ in self._samples) / count
        level = sum(used for _, used in self._samples) / count
        spread = sum((at - middle) ** 2 for at, _ in self._samples)
        slope = sum((at - middle) * (used - level) for at, used in self._samples) / spread
        return round(slope * 3600)


@dataclass(kw_only=True, slots=True)
class Stillness:
    """Finds what has not moved for too many looks. Looks count, not time: a paused machine makes nothing stuck."""

    _seen: dict[str, tuple[Hashable, int]] = field(default_factory=dict)

    def look(self, marks: Mapping[str, Hashable], limits: Mapping[str, int]) -> str:
        """Compare each thing's mark with the last one; return a thing that was still for more looks than its limit."""
        before, self._seen = self._seen, {}
        for name, mark in marks.items():
            seen, looks = before.get(name, (None, 0))
            self._seen[name] = (mark, looks + 1 if seen == mark else 0)
        still = (name for name, (_, looks) in self._seen.items() if looks > limits[name])
        return next(still, "")
