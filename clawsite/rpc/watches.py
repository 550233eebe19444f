"""All watched jobs of one client: which watch an event is for, and which jobs the gateway need not send any more.

Watches are held weakly: one that nobody iterates any more is gone, and its job is let go with its next event.
"""

from __future__ import annotations

import weakref
from collections import defaultdict
from collections.abc import Awaitable, Callable

import msgspec

from clawsite.rpc.frames import Event
from clawsite.rpc.link import Link
from clawsite.rpc.watch import JobEvent, JobWatch


class Watches:
    """The Source of each watch."""

    def __init__(self, get_link: Callable[[], Awaitable[Link]]) -> None:
        self._get_link = get_link
        self._by_job: dict[str, weakref.WeakSet[JobWatch]] = defaultdict(weakref.WeakSet)
        self._asked: dict[str, Link] = {}

    async def link(self) -> Link:
        """Return the open connection."""
        return await self._get_link()

    def begin(self, watch: JobWatch, link: Link) -> int:
        """Bring this watch its events; return after which number all who watch this job need them.

        The gateway has one place in a job for each connection, so that asking for it is asking for all of them.
        """
        watching = self._by_job[watch.job_id]
        watching.add(watch)
        self._asked[watch.job_id] = link
        return min(each.taken for each in watching)

    def leave(self, watch: JobWatch, *, is_settled: bool) -> None:
        """Bring it none any more, and tell the gateway when nobody else wants them.

        is_settled: whether the gateway has answered. If not it may begin after it was told to stop, and is told again.
        """
        watching = self._by_job.get(watch.job_id)
        if watching is not None:
            watching.discard(watch)
            if not watching:
                self._let_go(watch.job_id, is_settled=is_settled)

    def offer(self, event: Event, size: int) -> None:
        """Give a `job` event to those who watch that job."""
        try:
            job_event = msgspec.convert(event.payload, JobEvent)
        except msgspec.ValidationError:
            return
        watching = self._by_job.get(job_event.job_id)
        if not watching:
            self._let_go(job_event.job_id)
            return
        for watch in tuple(watching):
            watch.offer(job_event, size)

    def pause_all(self) -> None:
        """The connection is gone: every watch has to ask anew."""
        self._asked.clear()
        for watch in [watch for watching in tuple(self._by_job.values()) for watch in tuple(watching)]:
            watch.pause()
        self._by_job.clear()

    def _let_go(self, job_id: str, *, is_settled: bool = True) -> None:
        self._by_job.pop(job_id, None)
        link = self._asked.get(job_id)
        if is_settled:
            self._asked.pop(job_id, None)
        if link is not None:
            # Never after a new subscription of the same job: that one would be undone.
            link.post("jobs.unsubscribe", {"id": job_id}, unless=lambda: bool(self._by_job.get(job_id)))
