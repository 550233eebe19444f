"""How many calls a chat and a bot may still make: one budget for each chat, which every call spends.

Platforms count messages, edits, deletions and typing together, topics of a group included, so the key is the chat. A
message waits for its turn; a cosmetic call (typing, an edit of a preview) is made only while the budget is untouched.
After the platform told us to wait, the chat is left alone for that long and treated more gently for a minute.

Invariants: calls that were spent when `wait` said 0 never exceed the rates; the table of chats is bounded. For use by
one event loop. Nothing here outlives a restart: what must wait longer does so in its outbox row.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from django.conf import settings

DIRECT_BURST = 3.0
# Together with the default rate this stays at the 20 calls a minute that a group may get.
GROUP_BURST = 2.0
BOT_BURST = 5.0
GENTLE_SECONDS = 60.0
GENTLE_FACTOR = 2.0
MAX_CHATS = 10_000


@dataclass(slots=True)
class _Bucket:
    """A rate by its due time: a call moves it on by one gap, and it may be ahead of now by the burst."""

    due: float = 0.0
    not_before: float = 0.0
    gentle_until: float = 0.0

    def gap(self, now: float, seconds: float) -> float:
        return seconds * GENTLE_FACTOR if now < self.gentle_until else seconds

    def wait(self, now: float, *, seconds: float, burst: float) -> float:
        gap = self.gap(now, seconds)
        calls = 1.0 if now < self.gentle_until else burst
        return max(self.due - (calls - 1.0) * gap - now, self.not_before - now, 0.0)

    def spend(self, now: float, seconds: float) -> None:
        self.due = max(self.due, now) + self.gap(now, seconds)

    def cool(self, now: float, seconds: float) -> None:
        self.not_before = max(self.not_before, now + seconds + 1.0)
        self.gentle_until = max(self.gentle_until, self.not_before + GENTLE_SECONDS)

    def is_idle(self, now: float) -> bool:
        return now >= self.due and now >= self.not_before and now >= self.gentle_until


class ChatBudget:
    """The budgets of one bot. Rates come from the settings unless given: calls a second, a minute for groups."""

    def __init__(
        self,
        clock: Callable[[], float] = time.monotonic,
        *,
        chat_rate: float | None = None,
        group_rate: float | None = None,
        bot_rate: float | None = None,
    ) -> None:
        self._clock = clock
        self._direct_gap = 1.0 / (chat_rate or settings.CLAW_CHAT_RATE)
        self._group_gap = 60.0 / (group_rate or settings.CLAW_GROUP_RATE)
        self._bot_gap = 1.0 / (bot_rate or settings.CLAW_BOT_RATE)
        self._bot = _Bucket()
        self._chats: dict[str, _Bucket] = {}

    def __len__(self) -> int:
        """Tell how many chats are remembered."""
        return len(self._chats)

    def wait(self, chat_id: str, *, group: bool) -> float:
        """Return the seconds until a call to the chat may be made, 0.0 when it may be made now."""
        whole, chat = self.wait_of_bot(), self._chats.get(chat_id)
        return whole if chat is None else max(whole, chat.wait(self._clock(), **self._pace(group)))

    def wait_of_bot(self) -> float:
        """Return the seconds until a call to any chat may be made, 0.0 when it may be made now."""
        return self._bot.wait(self._clock(), seconds=self._bot_gap, burst=BOT_BURST)

    def spend(self, chat_id: str, group: bool) -> None:
        """Count a call, whether or not it was waited for."""
        now = self._clock()
        self._bot.spend(now, self._bot_gap)
        self._chat(chat_id, now).spend(now, self._pace(group)["seconds"])

    def cool(self, chat_id: str | None, seconds: float) -> None:
        """Leave a chat (None: every chat) alone for so long and a second more, as the platform asked."""
        now = self._clock()
        bucket = self._bot if chat_id is None else self._chat(chat_id, now)
        bucket.cool(now, seconds)

    def idle(self, chat_id: str, group: bool) -> bool:
        """Tell whether a call nobody would miss may be made: nothing of the chat's budget is spent and none waits."""
        now = self._clock()
        chat = self._chats.get(chat_id)
        if chat is not None and not chat.is_idle(now):
            return False
        return now >= self._bot.gentle_until and self._bot.wait(now, seconds=self._bot_gap, burst=BOT_BURST / 2) == 0.0

    def _pace(self, group: bool) -> dict[str, float]:
        if group:
            return {"seconds": self._group_gap, "burst": GROUP_BURST}
        return {"seconds": self._direct_gap, "burst": DIRECT_BURST}

    def _chat(self, chat_id: str, now: float) -> _Bucket:
        bucket = self._chats.get(chat_id)
        if bucket is None:
            if len(self._chats) >= MAX_CHATS:
                self._forget(now)
            bucket = self._chats[chat_id] = _Bucket()
        return bucket

    def _forget(self, now: float) -> None:
        """Drop the chats that owe nothing; if that is not a tenth, those that may call again soonest."""
        self._chats = {key: bucket for key, bucket in self._chats.items() if not bucket.is_idle(now)}
        spare = len(self._chats) - MAX_CHATS * 9 // 10
        if spare > 0:
            soonest = sorted(self._chats, key=lambda key: max(self._chats[key].not_before, self._chats[key].due))
            for key in soonest[:spare]:
                del self._chats[key]
