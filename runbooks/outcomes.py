"""Where a run of a job leads: a state, and what is written beside it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from runbooks.models import Job


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """The state a job goes to, the columns that change with it, what its event says besides, and what else is done."""

    to: Job.State
    changes: dict[str, Any]
    note: dict[str, Any] | None = None
    then: Callable[[], object] | None = None


def out_of_time(*, cancelled: bool) -> Outcome:
    """Return the end of a job whose time is over."""
    if cancelled:
        return Outcome(to=Job.State.CANCELLED, changes={"error": "It did not stop when asked and was ended by force."})
    return Outcome(to=Job.State.TIMED_OUT, changes={"error": "Its time was over."})
