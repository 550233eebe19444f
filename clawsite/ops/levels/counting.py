"""What went well and what did not since a moment: three pairs of numbers, each a count over an index.

The overhead of an answer is the time from the message to the answer that was not spent on the model and the tools: the
stages before the turn, and what its own two commits and its guards took. It is taken from turns that ended at their
first attempt, at most the newest of each window, because a mean over more tells nothing new.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sessions_app.models import Inbox, Turn

SAMPLE = 2000
# So many rows are held at once: all of them would be two megabytes, a few times a minute.
CHUNK = 100
OVERHEAD_MS = 500.0
_BEFORE = ("trigger", "input", "session", "prompt")
_ENDED = (Turn.State.DONE, Turn.State.FAILED)


@dataclass(frozen=True, kw_only=True, slots=True)
class Tally:
    """How many there were, and how many of them were not as they should be."""

    total: int = 0
    bad: int = 0

    @property
    def share(self) -> float:
        """The part that was bad, from 0 to 1."""
        return self.bad / self.total if self.total else 0.0


def count_answers(since: datetime) -> Tally:
    """Count messages to the model; bad are those that were answered with an apology, or given up."""
    turns = Turn.objects.filter(finished_at__gte=since, state__in=_ENDED)
    dead = _dead(since)
    return Tally(total=turns.exclude(outcome__startswith="error").count() + dead, bad=_apologies(since) + dead)


def count_faults(since: datetime) -> Tally:
    """Count updates of any kind that were worked on; bad are those that were given up because of an error of ours."""
    done = Inbox.objects.filter(state=Inbox.State.DONE, received_at__gte=since).count()
    dead = _dead(since)
    return Tally(total=done + dead, bad=dead)


def count_slow(since: datetime) -> Tally:
    """Count answers; bad are those whose overhead was above the limit."""
    found = overheads(since)
    return Tally(total=len(found), bad=sum(each > OVERHEAD_MS for each in found))


def overheads(since: datetime) -> list[float]:
    """Return the overheads in milliseconds, sorted."""
    turns = Turn.objects.filter(finished_at__gte=since, state=Turn.State.DONE, attempt=1, agent_state={})
    rows = turns.order_by("-finished_at").values_list("stages", "started_at", "finished_at")[:SAMPLE]
    found = rows.iterator(chunk_size=CHUNK)
    return sorted(_overhead(stages, begin, end) for stages, begin, end in found if end and "agent" in stages)


def _overhead(stages: dict[str, float], begin: datetime, end: datetime) -> float:
    whole = (end - begin).total_seconds() * 1000
    return max(0.0, whole - stages["agent"]) + sum(stages.get(name, 0.0) for name in _BEFORE)


def _apologies(since: datetime) -> int:
    return Turn.objects.filter(finished_at__gte=since, outcome="unavailable").count()


def _dead(since: datetime) -> int:
    return Inbox.objects.filter(state=Inbox.State.DEAD, received_at__gte=since).count()
