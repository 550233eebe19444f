"""Waiting for the end of a run, whichever process works on it. Nothing is lost when the waiting ends early."""

from __future__ import annotations

import time

from clawsite.core.db import run_db
from clawsite.core.errors import NotAllowed
from clawsite.core.jitter import jitter
from clawsite.gateway.feeds import feeds
from clawsite.gateway.runs import Run, read_run
from sessions_app.models import Session, Turn
from sessions_app.turns import open_turns

POLL_SECONDS = 1.0
# Nudges say when to look. Without one a long wait looks less and less often: a client may have thousands of them.
LONGEST_SECONDS = 15.0


async def wait_until_quiet(session: Session, *, seconds: float) -> None:
    """Wait until no turn of a session runs any more, at most so long."""
    deadline = time.monotonic() + seconds
    wake = feeds.expect_change(session.pk)
    try:
        while await run_db(is_answering, session.pk) and (left := deadline - time.monotonic()) > 0:
            await wake.within(min(POLL_SECONDS, left))
    finally:
        feeds.forget_change(session.pk, wake)


def is_answering(session_id: int) -> bool:
    """Tell whether a turn of a session runs."""
    return open_turns().filter(session_id=session_id, state=Turn.State.RUNNING).exists()


async def wait_for_end(run: Run, *, session_id: int, seconds: float) -> Run:
    """Return the run as it is when it has ended, or after so long. NotAllowed when its rows were removed."""
    deadline, pause = time.monotonic() + seconds, POLL_SECONDS
    wake = feeds.expect_change(session_id)
    try:
        while True:
            wake.clear()
            found = await run_db(read_run, run.inbox_id)
            if found is None:
                raise NotAllowed("The conversation of this run was removed.")
            left = deadline - time.monotonic()
            if found.has_ended or left <= 0:
                return found
            await wake.within(min(jitter(pause), left))
            pause = min(pause * 2, LONGEST_SECONDS)
    finally:
        feeds.forget_change(session_id, wake)
