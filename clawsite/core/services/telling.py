"""Notes of services from an event loop, behind the work: who made a call does not wait for its note.

Success is told at most every few seconds for each service, and at once when this process knew of trouble.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.utils import timezone

from clawsite.core.db import run_db
from clawsite.core.errors import log_unknown
from clawsite.core.services.notes import note_failure, note_success

QUIET_SECONDS = 10.0


class Teller:
    """Tells of the services of one kind that this process calls. On one event loop at a time."""

    def __init__(self, kind: str, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._kind = kind
        self._clock = clock
        self._told: dict[str, float] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def failed(
        self,
        name: str,
        *,
        error: str,
        error_kind: str = "unavailable",
        retry_after: float | None = None,
        seconds: float = 0.0,
    ) -> None:
        """Have a failure noted. `seconds`: so long was waited for the answer that did not come."""
        self._told.pop(name, None)
        began = timezone.now() - timedelta(seconds=seconds)
        self._start(note_failure, name, error=error, error_kind=error_kind, retry_after=retry_after, began=began)

    def worked(self, name: str) -> None:
        """Have it noted that it answered, unless that was told a moment ago."""
        now = self._clock()
        if now - self._told.get(name, float("-inf")) < QUIET_SECONDS:
            return
        self._told[name] = now
        self._start(note_success, name)

    async def drain(self) -> None:
        """Wait until everything told so far is noted."""
        await asyncio.gather(*self._tasks)

    def clear(self) -> None:
        """Forget what was told, as a restart would."""
        self._told.clear()

    def _start(self, note: Callable[..., Any], name: str, **values: Any) -> None:
        task = asyncio.get_running_loop().create_task(self._note(note, name, values), name=f"note {self._kind}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _note(self, note: Callable[..., Any], name: str, values: dict[str, Any]) -> None:
        try:
            await run_db(note, self._kind, name, **values)
        except Exception as error:
            self._told.pop(name, None)
            log_unknown(error, where=f"noting how {self._kind} {name} does")
