"""The watch over a role that has no supervisor of ours: one in a container or a unit of its own.

Whoever runs it sees only that a process ends, not that its event loop stands still. So a thread looks, writes the
stacks to the log, and ends the process, for it to be started anew.
"""

from __future__ import annotations

import faulthandler
import logging
import threading
import time
from collections.abc import Callable

from django.conf import settings

from clawsite.ops.watchdog import OWN_GAP_SECONDS, is_hung

logger = logging.getLogger(__name__)

LOOK_SECONDS = 1.0


def watch_alone(moved_at: Callable[[], float], *, end: Callable[[], None]) -> None:
    """Watch from a thread, for ever. `moved_at` tells when the loop last moved (time.monotonic()), 0 for not yet."""
    threading.Thread(target=_watch, args=[moved_at, end], name="claw-alone", daemon=True).start()


def _watch(moved_at: Callable[[], float], end: Callable[[], None]) -> None:
    began = before = time.monotonic()
    while True:
        time.sleep(LOOK_SECONDS)
        now = time.monotonic()
        if now - before > OWN_GAP_SECONDS:  # the machine was paused: nobody is blamed for that silence
            began = now
        before = now
        moved = moved_at()
        silent = now - max(moved, began)
        if is_hung(silent=silent, started=moved > 0, hang_seconds=settings.CLAW_HANG_SECONDS):
            logger.error("the event loop hangs for %.0f s; ending", silent)
            faulthandler.dump_traceback(all_threads=True)
            end()
