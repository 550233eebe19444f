"""People who write numbered messages in several chats, and the check that each was answered once and in order."""

from __future__ import annotations

from collections.abc import Sequence

from tests.faults.ledger import Ledger, numbered, read_ledger
from tests.faults.stack import Telegram, wait_for

FIRST_CHAT = 1001


class Conversation:
    """`count` people, whom `allowed` lets in, and how many messages each has sent."""

    def __init__(self, telegram: Telegram, *, count: int) -> None:
        self.telegram = telegram
        self.chats = [FIRST_CHAT + number for number in range(count)]
        self.sent = dict.fromkeys(self.chats, 0)
        for chat in self.chats:
            telegram.add_user(f"User {chat}", user_id=chat)

    @property
    def allowed(self) -> str:
        """The value of TELEGRAM_ALLOWED_USERS."""
        return ",".join(str(chat) for chat in self.chats)

    def write(self, *, each: int = 1, chats: Sequence[int] | None = None) -> None:
        """Let everybody write so many messages, in turns."""
        for _ in range(each):
            for chat in chats or self.chats:
                self.sent[chat] += 1
                self.telegram.user_sends(chat, numbered(self.sent[chat], chat))

    def ledger(self) -> Ledger:
        """Compare what was written with what was answered."""
        return read_ledger(self.telegram, self.chats, sent=self.sent)

    def wait_answered(self, *, timeout: float) -> None:
        """Wait until every message has its answer."""
        try:
            wait_for(lambda: self.ledger().lost == 0, timeout=timeout, what="answers")
        except TimeoutError:
            raise AssertionError(f"not answered within {timeout} s: {self.ledger()}") from None

    def check(self, *, duplicates: int = 0) -> None:
        """Nothing lost, nothing out of order, and no more answered twice than allowed."""
        found = self.ledger()
        assert (found.lost, found.out_of_order) == (0, 0), found
        assert found.duplicates <= duplicates, found
