"""The inbox worker: takes the oldest row of every idle lane and runs it through the pipeline, many lanes at once."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable

from django.conf import settings

from bots.pipeline import Pipeline
from bots.work import OpenChannel
from clawsite.core.db import run_db
from clawsite.core.errors import log_unknown
from clawsite.core.nudge import Wake
from sessions_app.inbox import Head, find_heads

logger = logging.getLogger(__name__)

POLL_SECONDS = 0.5
FOREIGN_SECONDS = 0.5
# A row that ended its process twice is run with few others, from the third time on alone among its like: what dies next
# then tells which row is deadly, and the others that died with it are not given up for it.
FEW_FROM, FEW = 2, 8
ALONE_FROM = 3
# And not before the process runs smoothly, so that their attempts are short: who kills processes while they start must
# not make rows look deadly.
STEADY_SECONDS = 3.0


class Intake:
    """Starts at most CLAW_TURNS rows at once, one for each lane. A row that another process has is looked at later."""

    def __init__(self, pipeline: Pipeline, find_channel: Callable[[int], OpenChannel | None]) -> None:
        self._pipeline = pipeline
        self._find_channel = find_channel
        self._lanes: dict[str, asyncio.Task[None]] = {}
        self._attempts: dict[str, int] = {}
        self._began = time.monotonic()
        self._is_warm = False
        self._later: dict[str, float] = {}
        self.wake = Wake()

    async def run(self, stop: asyncio.Event) -> None:
        """Claim and run until `stop` is set."""
        while not stop.is_set():
            try:
                more = await self._claim_some()
            except Exception as error:
                log_unknown(error, where="intake")
                more = False
            if not more:
                await self.wake.within(POLL_SECONDS)

    async def _claim_some(self) -> bool:
        """Start what may start; True when there may be more."""
        free = settings.CLAW_TURNS - len(self._lanes)
        if free <= 0:
            return False
        now = time.monotonic()
        self._later = {lane: until for lane, until in self._later.items() if until > now}
        heads = await run_db(find_heads, busy=[*self._lanes, *self._later], limit=free)
        for head in heads:
            if self._may_start(head):
                self._start(head)
        return len(heads) == free and any(head.attempts < FEW_FROM for head in heads)

    def _may_start(self, head: Head) -> bool:
        """Tell whether a row may run beside those that run: the more processes it ended, the fewer."""
        steady = self._is_warm and time.monotonic() - self._began >= STEADY_SECONDS
        if head.attempts >= FEW_FROM and not steady:
            return False
        running = self._attempts.values()
        if head.attempts >= ALONE_FROM:
            return not any(attempts >= ALONE_FROM for attempts in running)
        return head.attempts < FEW_FROM or sum(attempts >= FEW_FROM for attempts in running) < FEW

    def _start(self, head: Head) -> None:
        channel = self._find_channel(head.channel_id)
        if channel is None:
            # The channel is off or not open yet: its rows wait.
            self._later[head.lane] = time.monotonic() + 5.0
            return
        task = asyncio.create_task(self._run_one(head, channel))
        self._lanes[head.lane] = task
        self._attempts[head.lane] = head.attempts

    async def _run_one(self, head: Head, channel: OpenChannel) -> None:
        try:
            if not await self._pipeline.run_row(head, channel):
                self._later[head.lane] = time.monotonic() + FOREIGN_SECONDS
        finally:
            self._lanes.pop(head.lane, None)
            self._attempts.pop(head.lane, None)
            self.wake.set()

    def become_warm(self) -> None:
        """Note that what every turn needs is loaded now."""
        self._is_warm = True

    def channels_changed(self) -> None:
        """Look again at rows whose channel was not open."""
        self._later.clear()
        self.wake.set()

    async def drain(self, seconds: float) -> None:
        """Let what runs finish; what does not in time is handed back untouched."""
        tasks = set(self._lanes.values())
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=seconds)
            for task in late:
                task.cancel()
            if late:
                logger.info("%d turns are handed back", len(late))
                await asyncio.wait(late, timeout=5.0)
