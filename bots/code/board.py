"""What is to be seen of a /code while it works: one card that changes in place. Data, no words.

Invariant: nothing of the project or of the model stands on it that was not looked through for secrets.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any, Literal

from django.conf import settings
from django.db import transaction

from clawsite.core.db import run_db
from guardrails.redact import redact
from runbooks.jobs import JobContext
from runbooks.models import CodeRun
from sessions_app.cards import put_card

State = Literal["queued", "working", "asking", "testing", "merging"]

LINES = 6
CHARS = 100
REQUEST_CHARS = 200
# Time moves on the card even when nothing else does.
TICK_SECONDS = 15.0


def card_key(run: CodeRun) -> str:
    """Return the name of the card of a /code while it works."""
    return f"code:{run.job.key}"


def short(text: str, chars: int = CHARS) -> str:
    """Return the beginning of a text as one line, without secrets."""
    line = " ".join(redact(text).split())
    return line if len(line) <= chars else f"{line[: chars - 1]}…"


def show(run: CodeRun, state: str, **data: Any) -> None:
    """Put the card. Part of the caller's transaction or one of its own."""
    if run.session_id is None:
        return
    told = {
        "run": run.pk,
        "project": run.project.name,
        "request": short(run.request, REQUEST_CHARS),
        "by": run.requested_name or run.requested_by,
        "state": state,
        "place": 0,
        "step": run.steps,
        "steps": settings.CLAW_CODE_STEPS,
        "log": [],
        "seconds": 0,
        "usd": float(run.cost_usd),
    }
    with transaction.atomic():
        put_card(card_key(run), session_id=run.session_id, kind="code", data=told | data, silent=True)


class Board:
    """The card of one process at work on a /code. Its methods are for the event loop."""

    def __init__(self, ctx: JobContext, run: CodeRun) -> None:
        self._ctx = ctx
        self._run = run
        self._began = time.monotonic()
        self._earlier = float(ctx.state.get("seconds", 0.0))
        self.state: State = "working"
        self.step = run.steps
        self.usd = float(run.cost_usd)
        self.log: list[list[str]] = list(ctx.state.get("log", []))

    @property
    def seconds(self) -> float:
        """How long the job has worked in all, without the time in which it waited."""
        return self._earlier + time.monotonic() - self._began

    async def begin(self, tool: str, subject: str) -> list[str]:
        """Say what is being done now; return the line, for its end."""
        line = ["", tool, short(subject)]
        self.log = [*self.log, line][-LINES:]
        await self.put()
        return line

    async def end(self, line: list[str], *, ok: bool) -> None:
        """Say how that went."""
        line[0] = "ok" if ok else "no"
        await run_db(self._ctx.emit, "tool", {"tool": line[1], "subject": line[2], "ok": ok})

    async def turn(self, state: State) -> None:
        """Enter another part of the work."""
        self.state = state
        await self.put()

    async def put(self) -> None:
        """Bring the card up to date."""
        await run_db(self.put_now)

    def put_now(self) -> None:
        """The same, from the database thread."""
        show(self._run, self.state, step=self.step, log=self.log, seconds=round(self.seconds), usd=round(self.usd, 4))

    def keep(self) -> None:
        """Have the next process go on from here."""
        self._ctx.save(may_resume=True, seconds=round(self.seconds, 1), log=self.log)

    @asynccontextmanager
    async def ticking(self) -> AsyncIterator[None]:
        """Move the time on the card while the block lasts."""
        task = asyncio.create_task(self._tick())
        try:
            yield
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(TICK_SECONDS)
            await self.put()
