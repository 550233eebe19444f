"""Showing an answer while it is made. What is shown has passed the output guard; everything here may be lost.

Live channels (web chat) get the text as a lossy nudge while somebody watches. Other channels get one message that the
channel's sender edits on the chat's budget; its ids are kept on the turn, so that the final answer edits it too.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from bots.work import Work
from clawsite.core.db import run_db
from clawsite.core.nudge import nudge
from guardrails.outputs import StreamGuard
from sessions_app.models import Turn

FIRST_SECONDS = 1.5
LIVE_SECONDS = 0.06
DRAFT_SECONDS = 1.5
WATCH_SECONDS = 25.0


class Watchers:
    """Which sessions somebody looks at, by the nudges of the web processes; each look lasts 25 s."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._until: dict[int, float] = {}

    def look(self, session_id: int) -> None:
        """Note that somebody watches a session; forgets those whose time is over."""
        now = self._clock()
        if len(self._until) > 1000:
            self._until = {key: end for key, end in self._until.items() if end > now}
        self._until[session_id] = now + WATCH_SECONDS

    def is_watched(self, session_id: int) -> bool:
        """Tell whether somebody watches."""
        return self._until.get(session_id, 0.0) > self._clock()


Preview = Callable[[Work, str], None]


class TurnStream:
    """The stream of one attempt of one turn. `on_text` is called with the whole text so far, as often as it grows."""

    def __init__(self, work: Work, guard: StreamGuard, *, watchers: Watchers, preview: Preview) -> None:
        self._work, self._guard = work, guard
        self._watchers, self._preview = watchers, preview
        self._turn_id, self._session_id = work.the_turn.pk, work.the_session.pk
        self._attempt = work.the_turn.attempt
        self._shown_at = 0.0
        self._saved_at = time.monotonic()
        self._saving: asyncio.Task[None] | None = None

    def on_text(self, cumulative: str) -> None:
        """Pass the safe part of the text on, at the channel's pace; nothing where streaming is switched off."""
        if not self._work.streams:
            return
        live = self._work.channel.adapter.capabilities.live
        now = time.monotonic()
        if live:
            if now - self._shown_at < LIVE_SECONDS or not self._watchers.is_watched(self._session_id):
                return
        elif now - self._work.started < FIRST_SECONDS or now - self._shown_at < FIRST_SECONDS:
            return
        self._shown_at = now
        safe = self._guard.feed(cumulative)
        if not safe.strip():
            return
        self._show(safe, live=live)
        if now - self._saved_at > DRAFT_SECONDS and (self._saving is None or self._saving.done()):
            self._saved_at = now
            self._saving = asyncio.create_task(run_db(_save_draft, self._turn_id, safe))

    def _show(self, safe: str, *, live: bool) -> None:
        if live:
            nudge("delta", session=self._session_id, turn=self._turn_id, attempt=self._attempt, text=safe)
        else:
            self._preview(self._work, safe)


def _save_draft(turn_id: int, text: str) -> None:
    Turn.objects.filter(pk=turn_id, state=Turn.State.RUNNING).update(draft=text)
