"""What happens in sessions, for the connections that follow them. Truth is rows: nudges only say when to look.

There is one reader for each session however many connections follow it: one look at the rows, and one encoding for
its owner and one for everybody else, whose key of it differs. Finals come from rows and are told once; streamed text is
passed on while its turn runs and may be lost. What happened before somebody followed they read by chat.history.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Iterable
from contextvars import Context
from typing import TYPE_CHECKING, Any

import msgspec

from clawsite.core.db import run_db
from clawsite.core.errors import log_unknown
from clawsite.core.jitter import jitter
from clawsite.core.nudge import nudge
from clawsite.gateway.changes import Changes, Standing, read_changes
from clawsite.gateway.hub import Listener
from clawsite.gateway.keys import own_key, owner_of, place_key
from clawsite.gateway.runs import BOT, Run
from clawsite.gateway.telling import Notice, Told, changed, message_of, notice_of

if TYPE_CHECKING:
    from clawsite.gateway.feeds import Feeds

# While a run is open its rows are looked at this often even without a nudge.
POLL_SECONDS = 2.0
WATCH_SECONDS = 10.0
# Runs whose end was told are remembered, so that no second look tells it again.
REMEMBERED = 256
_encode = msgspec.json.Encoder().encode


class SessionFeed:
    """Reads one session and tells who follows it.

    after: the last message that was told, or the moment up to which it is not to be told. news: something happened
    that must be told, whatever it is.
    """

    def __init__(self, feeds: Feeds, session_id: int, *, after: int | Standing, news: bool) -> None:
        self._feeds = feeds
        self.session_id = session_id
        self.after = after
        self._runs: dict[int, Told] = {}
        self._ended: OrderedDict[int, None] = OrderedDict()
        self._owner, self._keys = "", ("", "")
        self._row: dict[str, Any] | None = {} if news else None
        self._delta: dict[str, Any] | None = None
        self._stale = True
        self._watched_at = 0.0
        self._wake = asyncio.Event()
        self.task = asyncio.create_task(self._run(), name=f"feed of session {session_id}", context=Context())

    @property
    def cursor(self) -> int:
        """The last message that was told; 0 as long as it was not looked for."""
        return self.after if isinstance(self.after, int) else 0

    @property
    def is_busy(self) -> bool:
        """Whether a run is open."""
        return bool(self._runs)

    def expect(self, run: Run) -> None:
        """A run was given to the pipeline: its end is told even when nothing is seen of it before."""
        if run.inbox_id not in self._ended:
            self._runs.setdefault(run.inbox_id, Told(run_id=run.run_id))
        self.look()

    def have_told_end(self) -> None:
        """That the session is gone was told already."""
        self._keys = ("", "")

    def look(self) -> None:
        """Look at the rows soon."""
        self._stale = True
        self._wake.set()

    def hear(self) -> None:
        """Something happened: before the first reading, that reading may hold it already, so it is told as news."""
        if self._row is None:
            self._row = {}
        self.look()

    def show(self, data: dict[str, Any]) -> None:
        """Keep the newest streamed text. Of a turn that is not known to run, the rows are asked first."""
        self._delta = data
        self._stale = self._stale or self._find(data) is None
        self._wake.set()

    def _find(self, data: dict[str, Any]) -> Told | None:
        return next((told for told in self._runs.values() if told.turn_id == data.get("turn")), None)

    # --- the loop --------------------------------------------------------------------------------------------------
    async def _run(self) -> None:
        """Tell what is new until nobody needs it any more; errors are waited out."""
        while True:
            self._wake.clear()
            try:
                while self._stale:
                    await self._round()
                self._pass_on()
            except Exception as error:
                log_unknown(error, where=f"following session {self.session_id}")
                await asyncio.sleep(jitter(1.0))
            if not self._feeds.needs(self):
                return
            self._watch()
            try:
                async with asyncio.timeout(jitter(POLL_SECONDS) if self.is_busy else None):
                    await self._wake.wait()
            except TimeoutError:
                self._stale = True

    def _watch(self) -> None:
        """Have the text of open runs streamed to here."""
        now = time.monotonic()
        if self.is_busy and now - self._watched_at > WATCH_SECONDS:
            self._watched_at = now
            nudge("watch", session=self.session_id)

    async def _round(self) -> None:
        self._stale = False
        try:
            changes = await run_db(
                read_changes, self.session_id, after=self.after, tracked=set(self._runs), told=set(self._ended)
            )
        except BaseException:
            self._stale = True
            raise
        if changes is None:
            self._end_all()
            return
        self.after = changes.after
        self._place(changes)
        for notice in self._notices(changes):
            self._tell(notice)
        self._stale = self._stale or changes.more

    def _place(self, changes: Changes) -> None:
        """Note whose session this is and how it is called."""
        session = changes.session
        self._owner = owner_of(session)
        own = own_key(session.chat_id.partition("/")[2]) if self._owner else ""
        self._keys = (own, place_key(session))

    def _end_all(self) -> None:
        """The session is gone: nothing more comes, and those who watch are told."""
        self._runs.clear()
        if self._keys[1]:
            self._tell(changed("delete", None))
        self._feeds.drop(self)

    # --- what is told ----------------------------------------------------------------------------------------------
    def _notices(self, changes: Changes) -> Iterable[Notice]:
        row, before = changes.row, self._row
        self._row = row
        for message in changes.messages:
            self.after = message.seq
            yield message_of(message, row)
            if message.role in BOT and message.data.get("run") is None:
                yield notice_of(message)
        reason = "message" if changes.messages else "update"
        for _, run in sorted(changes.runs.items()):
            for notice in self._of_run(run, changes):
                reason = "run"
                yield notice
        if changes.messages or reason == "run" or _differs(before, row):
            yield changed(reason, row)

    def _of_run(self, run: Run, changes: Changes) -> Iterable[Notice]:
        if run.inbox_id in self._ended:
            return
        told = self._runs.setdefault(run.inbox_id, Told(run_id=run.run_id))
        yield from told.begin(run)
        if run.has_ended:
            del self._runs[run.inbox_id]
            self._ended[run.inbox_id] = None
            while len(self._ended) > REMEMBERED:
                self._ended.popitem(last=False)
            yield from told.end(run, changes.answers.get(run.inbox_id, []))

    def _pass_on(self) -> None:
        """Pass on the newest streamed text, if its turn still runs."""
        data, self._delta = self._delta, None
        told = self._find(data) if data is not None else None
        if data is not None and told is not None:
            for notice in told.grow(str(data.get("text", "")), attempt=int(data.get("attempt", 0))):
                self._tell(notice)

    def _tell(self, notice: Notice) -> None:
        """Encode at most twice, for the owner and for others, and push to everybody who wants it."""
        bodies: dict[bool, bytes] = {}
        for listener in self._feeds.hearers(self.session_id, self._owner, watchers=notice.to_watchers):
            mine = bool(self._owner) and listener.principal.owner == self._owner
            if mine not in bodies:
                bodies[mine] = _encode(self._addressed(notice.payload, self._keys[0 if mine else 1]))
            _push(listener, notice, bodies[mine])

    def _addressed(self, payload: dict[str, Any], key: str) -> dict[str, Any]:
        """Return a payload with the session's key as the hearer knows it."""
        addressed = {"sessionKey": key, **payload}
        if payload.get("session"):
            addressed["session"] = {**payload["session"], "key": key, "isMain": key == own_key("main")}
        return addressed


def _push(listener: Listener, notice: Notice, body: bytes) -> None:
    listener.push(notice.event, body, droppable=notice.droppable)


def _differs(before: dict[str, Any] | None, after: dict[str, Any]) -> bool:
    """Tell whether a session's row changed in what a person would see."""
    watched = ("label", "model", "sessionId", "groupActivation", "status", "hasActiveRun")
    return before is not None and any(before.get(name) != after.get(name) for name in watched)
