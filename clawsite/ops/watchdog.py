"""When to start a role again, and when to take it for hung. Pure decisions; the supervisor acts on them."""

from __future__ import annotations

from dataclasses import dataclass, field

# Seconds before each start after a death; the last one repeats.
PAUSES = (0.0, 0.0, 1.0, 5.0, 15.0, 60.0)
# A run this long is no part of a crash loop: it takes one earlier death back; a minute takes back all.
WORKING_SECONDS = 5.0
HEALTHY_SECONDS = 60.0
# A role may need so long to its first beat, whatever the limit between beats is.
START_SECONDS = 30.0
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


def is_hung(*, silent: float, started: bool, hang_seconds: float) -> bool:
    """Tell whether so many seconds of silence mean that a role hangs. `started`: it has beaten before."""
    return silent > (hang_seconds if started else max(hang_seconds, START_SECONDS))
