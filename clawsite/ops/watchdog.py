"""When to start a role again, and when to take it for hung. Pure decisions; the supervisor acts on them."""

from __future__ import annotations

from dataclasses import dataclass, field

# Seconds before each start after a death; the last one repeats.
PAUSES = (0.0, 0.0, 1.0, 5.0, 15.0, 60.0)
HEALTHY_SECONDS = 60.0
# A role may need so long to its first beat, whatever the limit between beats is.
START_SECONDS = 30.0
# A gap in the supervisor's own loop (a paused machine) says nothing about the roles.
OWN_GAP_SECONDS = 3.0


@dataclass(kw_only=True, slots=True)
class Backoff:
    """Counts deaths in a row. A run of HEALTHY_SECONDS forgets those before it."""

    deaths: int = field(default=0)

    def next_pause(self, *, ran: float) -> float:
        """Count one death after a run of so many seconds; return how long to wait before the next start."""
        if ran >= HEALTHY_SECONDS:
            self.deaths = 0
        pause = PAUSES[min(self.deaths, len(PAUSES) - 1)]
        self.deaths += 1
        return pause


def is_hung(*, silent: float, started: bool, hang_seconds: float) -> bool:
    """Tell whether so many seconds of silence mean that a role hangs. `started`: it has beaten before."""
    return silent > (hang_seconds if started else max(hang_seconds, START_SECONDS))
