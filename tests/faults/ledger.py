"""The checker of delivery tests: what people wrote against what they saw."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from tests.faults.stack import Telegram

NUMBERED = re.compile(r"message (\d+) of (\d+)")


def numbered(number: int, chat: int) -> str:
    """The text that the checker recognizes in an answer."""
    return f"message {number} of {chat}"


@dataclass(frozen=True, kw_only=True)
class Ledger:
    """The three counts that matter."""

    lost: int
    out_of_order: int
    duplicates: int
    answered: int


def read_ledger(telegram: Telegram, chats: Iterable[int], *, sent: dict[int, int]) -> Ledger:
    """Compare, chat by chat, the numbers that were sent (1..n) with those in the bot's messages, in their order."""
    lost = disorder = duplicates = answered = 0
    for chat in chats:
        seen = [
            int(found.group(1))
            for message in telegram.bot_messages(chat)
            if (found := NUMBERED.search(message.get("text", ""))) and int(found.group(2)) == chat
        ]
        counts: dict[int, int] = defaultdict(int)
        newest = 0
        for number in seen:
            counts[number] += 1
            disorder += number < newest and counts[number] == 1
            newest = max(newest, number)
        lost += sum(1 for number in range(1, sent[chat] + 1) if number not in counts)
        duplicates += sum(count - 1 for count in counts.values())
        answered += len(counts)
    return Ledger(lost=lost, out_of_order=disorder, duplicates=duplicates, answered=answered)
