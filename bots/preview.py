"""The streamed message of a turn on a channel that cannot stream: one message, edited at the chat's pace.

It is cosmetic: it gives way to every real message, ends at the first failure, and the final answer takes it over.
"""

from __future__ import annotations

import asyncio
import time

from bots.channels.base import Address, ChannelAdapter, ChannelError, OutboundMessage
from bots.channels.budget import ChatBudget
from clawsite.core.db import run_tx_first
from clawsite.core.errors import log_unknown
from sessions_app.models import Turn

PREVIEW_CHARS = 3500
CURSOR = " ▍"
FINISH_SECONDS = 45.0


class Preview:
    """The streamed message of one turn: at most one call at a time, paced, cosmetic."""

    def __init__(
        self, adapter: ChannelAdapter, budget: ChatBudget, turn: Turn, address: Address, *, direct: bool
    ) -> None:
        self._adapter, self._budget = adapter, budget
        self._turn_id, self._address, self._direct = turn.pk, address, direct
        # What an earlier attempt has shown is edited, not left behind.
        self._remote_id = str(turn.preview_ids[0]) if turn.preview_ids else ""
        self._task: asyncio.Task[None] | None = None
        self._began = self._at = time.monotonic()
        self._over = False
        self._text = ""

    def show(self, text: str) -> None:
        """Send or edit, unless it is too early, a call is on its way or the budget has no room."""
        now, group = time.monotonic(), not self._direct
        if self._over or (self._task is not None and not self._task.done()):
            return
        if self._remote_id and now - self._at < self._gap(now):
            return
        if not self._budget.idle(self._address.chat_id, group=group):
            return
        self._at = now
        self._budget.spend(self._address.chat_id, group)
        self._text = text
        self._task = asyncio.create_task(self._call(text + CURSOR))

    @property
    def has_begun(self) -> bool:
        """Whether something is in the chat, or on its way there."""
        return bool(self._remote_id) or (self._task is not None and not self._task.done())

    def _gap(self, now: float) -> float:
        """Seconds between edits: slower in groups and the longer the turn lasts."""
        abilities = self._adapter.capabilities
        least = abilities.edit_seconds if self._direct else abilities.group_edit_seconds
        lasted = now - self._began
        return max(least, 10.0 if lasted > 300 else 3.0 if lasted > 60 else 0.0)

    async def _call(self, text: str) -> None:
        adapter = self._adapter
        cut = text if len(text) <= PREVIEW_CHARS else "… " + text[-PREVIEW_CHARS:]
        part = adapter.render(OutboundMessage(text=cut, notify=False))[0]
        try:
            if self._remote_id:
                await adapter.edit(self._address, self._remote_id, part)
            else:
                self._remote_id = await adapter.send(self._address, part)
                # What a crash keeps from being recorded stays in the chat beside the answer.
                await run_tx_first(_keep_preview, self._turn_id, self._remote_id)
        except ChannelError as error:
            if error.retry_after is not None:
                self._budget.cool(self._address.chat_id, error.retry_after)
            self._over = not error.bad_markup
        except Exception as error:
            self._over = True
            log_unknown(error, where=f"preview of turn {self._turn_id}")

    async def rest(self) -> None:
        """Take the cursor away, because the turn waits for a person; it goes on here if they let it."""
        await self._settle()
        if self._over or not self._remote_id:
            return
        chat_id, group = self._address.chat_id, not self._direct
        await asyncio.sleep(self._budget.wait(chat_id, group=group))
        self._budget.spend(chat_id, group)
        await self._call(self._text)

    async def finish(self) -> str:
        """Wait for the call on its way and return the id of the shown message, or ""."""
        self._over = True
        await self._settle()
        return self._remote_id

    async def _settle(self) -> None:
        if self._task is not None:
            await asyncio.wait([self._task], timeout=FINISH_SECONDS)


def _keep_preview(turn_id: int, remote_id: str) -> None:
    Turn.objects.filter(pk=turn_id).update(preview_ids=[remote_id])
