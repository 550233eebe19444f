"""All feeds of this process: which connection follows which session, and which nudge concerns which feed.

Nothing here is truth: a process that starts knows nothing, and its clients subscribe and read again.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Mapping
from contextvars import Context
from typing import Any

from clawsite.core.db import run_db
from clawsite.core.errors import log_unknown
from clawsite.core.jitter import jitter
from clawsite.core.nudge import NudgeListener, Wake, nudge
from clawsite.gateway.cached import answers
from clawsite.gateway.changes import Standing, read_moved, read_standing
from clawsite.gateway.feed import SessionFeed
from clawsite.gateway.hub import Listener, hub
from clawsite.gateway.keys import key_for, owner_of
from clawsite.gateway.principal import Scope
from clawsite.gateway.registry import Follower
from clawsite.gateway.replies import encode
from clawsite.gateway.runs import Run
from clawsite.gateway.telling import changed
from sessions_app.models import Channel, Session

# Sessions that somebody follows are looked at this often for nudges that were lost.
CHECK_SECONDS = 5.0


class Feeds:
    """Feeds by session. `follow` begins one, nudges wake it, it ends by itself when nobody follows any more."""

    def __init__(self) -> None:
        self._feeds: dict[int, SessionFeed] = {}
        self._followers: dict[int, set[str]] = defaultdict(set)
        self._waiting: dict[int, set[Wake]] = defaultdict(set)
        self._standing: Standing | None = None
        self._checker: asyncio.Task[None] | None = None
        self._watching = asyncio.Lock()

    # --- what methods ask for --------------------------------------------------------------------------------------
    def follow(self, connection: Follower, session_id: int, *, cursor: int) -> bool:
        """Send a connection what happens in a session after message `cursor`.

        False when others follow it and more was told to them already: then read the rows again.
        """
        connection.follow(session_id)
        self._followers[session_id].add(connection.id)
        feed = self._feeds.get(session_id)
        if feed is None:
            self._begin(session_id, after=cursor)
            return True
        return feed.cursor <= cursor

    def unfollow(self, connection: Follower, session_id: int) -> None:
        """Stop that."""
        connection.unfollow(session_id)
        self._followers.get(session_id, set()).discard(connection.id)

    async def watch_sessions(self, connection: Follower, wanted: bool) -> None:
        """Send a connection `sessions.changed` and `session.message` of every session it may see, or stop that.

        Where sessions stand is read for the first who watches alone, so that nobody is told a message twice.
        """
        async with self._watching:
            if wanted and not _somebody_watches():
                self._standing = await run_db(read_standing)
            connection.watch_sessions(wanted)

    def expect_run(self, session_id: int, run: Run) -> None:
        """A run was given to the pipeline: have it streamed from its first word on, and its end told."""
        feed = self._feeds.get(session_id)
        if feed is not None:
            feed.expect(run)
        nudge("watch", session=session_id)

    def expect_change(self, session_id: int) -> Wake:
        """Return an event that each change of a session sets, until `forget_change`."""
        wake = Wake()
        self._waiting[session_id].add(wake)
        return wake

    def forget_change(self, session_id: int, wake: Wake) -> None:
        """Stop that."""
        self._waiting[session_id].discard(wake)
        if not self._waiting[session_id]:
            del self._waiting[session_id]

    # --- what feeds ask for ----------------------------------------------------------------------------------------
    def hearers(self, session_id: int, owner: str, *, watchers: bool) -> list[Listener]:
        """Return who hears of a session: its followers, and who watches all that they may see."""
        found = {listener.id: listener for listener in self._living(session_id)}
        if watchers:
            for listener in tuple(hub.connections.values()):
                if listener.watches_sessions and _may_see(listener, owner):
                    found[listener.id] = listener
        return list(found.values())

    def _living(self, session_id: int) -> list[Listener]:
        """Return the followers that are still there and still follow; the others are forgotten."""
        ids = self._followers.get(session_id, set())
        found = [hub.connections[name] for name in ids if name in hub.connections]
        living = [listener for listener in found if session_id in listener.followed]
        if len(living) < len(ids):
            self._followers[session_id] = {listener.id for listener in living}
        return living

    def needs(self, feed: SessionFeed) -> bool:
        """Tell whether a feed goes on: somebody follows it, or a run of it is open and somebody watches."""
        if self._living(feed.session_id) or (feed.is_busy and _somebody_watches()):
            return True
        self.drop(feed)
        return False

    def drop(self, feed: SessionFeed) -> None:
        """Forget a feed; where it stood is kept for those who watch."""
        if self._feeds.get(feed.session_id) is feed:
            del self._feeds[feed.session_id]
            self._followers.pop(feed.session_id, None)
            if self._standing is not None and isinstance(feed.after, int):
                self._standing.seqs[feed.session_id] = feed.after

    # --- nudges ----------------------------------------------------------------------------------------------------
    def listen(self, listener: NudgeListener) -> None:
        """Let nudges reach the feeds they concern."""
        listener.on("session", self._on_session)
        listener.on("delta", self._on_delta)

    def _on_session(self, data: dict[str, Any]) -> None:
        session_id = int(data.get("session", 0))
        answers.forget(session_id)
        for wake in self._waiting.get(session_id, ()):
            wake.set()
        feed = self._feeds.get(session_id)
        if "gone" in data:
            self._tell_removal(session_id, data["gone"])
        elif feed is None and _somebody_watches():
            feed = self._begin(session_id, after=self._stood(session_id), news=True)
        if feed is not None:
            feed.hear()

    def _stood(self, session_id: int) -> int | Standing:
        """Return where a session stood when somebody began to watch, or when its last feed ended."""
        return 0 if self._standing is None else self._standing.seqs.get(session_id, self._standing)

    def _tell_removal(self, session_id: int, gone: Mapping[str, Any]) -> None:
        """Tell who follows or watches that a session is no more, in place of its feed, which may not know its name."""
        channel = Channel(pk=gone["channel"], kind=gone["channel_kind"])
        session = Session(channel=channel, kind=gone["kind"], chat_id=gone["chat"], thread_id=gone["thread"])
        notice, owner = changed("delete", None), owner_of(session)
        for listener in self.hearers(session_id, owner, watchers=True):
            key = key_for(listener.principal.owner, session)
            listener.push("sessions.changed", encode({"sessionKey": key, **notice.payload}), droppable=False)
        if session_id in self._feeds:
            self._feeds[session_id].have_told_end()

    def _on_delta(self, data: dict[str, Any]) -> None:
        feed = self._feeds.get(int(data.get("session", 0)))
        if feed is not None:
            feed.show(data)

    # --- life ------------------------------------------------------------------------------------------------------
    def _begin(self, session_id: int, *, after: int | Standing, news: bool = False) -> SessionFeed:
        feed = self._feeds[session_id] = SessionFeed(self, session_id, after=after, news=news)
        if self._checker is None or self._checker.done():
            self._checker = asyncio.create_task(self._check(), name="feeds check", context=Context())
        return feed

    async def _check(self) -> None:
        """Wake the feeds whose sessions moved without a nudge, in one look for all of them, while there are any."""
        while self._feeds:
            await asyncio.sleep(jitter(CHECK_SECONDS))
            try:
                moved = await run_db(read_moved, list(self._feeds))
            except Exception as error:
                log_unknown(error, where="checking the feeds")
                continue
            for session_id, feed in list(self._feeds.items()):
                if moved.get(session_id) != feed.cursor or not self._living(session_id):
                    feed.look()

    async def close(self) -> None:
        """End all feeds."""
        tasks = [feed.task for feed in self._feeds.values()] + ([self._checker] if self._checker else [])
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self.__init__()  # type: ignore[misc]


def _somebody_watches() -> bool:
    return any(listener.watches_sessions for listener in hub.connections.values())


def _may_see(listener: Listener, owner: str) -> bool:
    principal = listener.principal
    return Scope.READ in principal.scopes and (principal.sees_all or principal.owner == owner)


feeds = Feeds()
