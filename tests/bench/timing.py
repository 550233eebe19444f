"""A Telegram that notes when people write and when the bot answers, and the figures that come out of it."""

from __future__ import annotations

import os
import statistics
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.servers.http import Request
from tests.servers.telegram import TelegramServer

ANSWERS = {"sendmessage"}


class TimedTelegram(TelegramServer):
    """Measures turns: from the moment an update can be fetched to the moment the answer's call arrives."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: dict[int, float] = {}
        self.turns: dict[int, list[float]] = defaultdict(list)
        self.left: dict[int, int] = {}
        self.finished = threading.Event()
        self.first_answer_at = 0.0

    def ask(self, chat: int, text: str) -> None:
        """Let a person write, and note when."""
        self.asked[chat] = time.perf_counter()
        self.user_sends(chat, text)

    def converse(self, chats: Sequence[int], *, turns: int, timeout: float) -> float:
        """Let every chat have so many turns, each after the answer to the one before; return the seconds in all."""
        self.turns.clear()
        self.finished.clear()
        self.left = dict.fromkeys(chats, turns)
        begin = time.perf_counter()
        for chat in chats:
            self.ask(chat, f"turn {turns}")
        if not self.finished.wait(timeout):
            raise TimeoutError(f"not answered: {self.left}")
        return time.perf_counter() - begin

    def _work(self, request: Request, token: str, name: str, **more: Any) -> dict[str, Any]:
        arrived = time.perf_counter()
        body = super()._work(request, token, name, **more)
        if name.lower() in ANSWERS and body.get("ok"):
            self._answered(int(body["result"]["chat"]["id"]), arrived)
        return body

    def _answered(self, chat: int, arrived: float) -> None:
        self.first_answer_at = self.first_answer_at or arrived
        begun = self.asked.pop(chat, None)
        if begun is None:
            return
        self.turns[chat].append(arrived - begun)
        self.left[chat] = self.left.get(chat, 1) - 1
        if self.left[chat] > 0:
            self.ask(chat, f"turn {self.left[chat]}")
        elif not any(count > 0 for count in self.left.values()):
            self.finished.set()

    def durations(self) -> list[float]:
        """Seconds of every turn of the last conversation."""
        return [seconds for turns in self.turns.values() for seconds in turns]


def median_ms(seconds: Sequence[float]) -> float:
    """The median in milliseconds."""
    return statistics.median(seconds) * 1000


def p95_ms(seconds: Sequence[float]) -> float:
    """The 95th percentile in milliseconds."""
    return sorted(seconds)[max(0, round(len(seconds) * 0.95) - 1)] * 1000


def fsync_ms(directory: Path) -> float:
    """The median time of a 4 KiB append with fsync on the disk of a directory: the price of one commit."""
    taken = []
    with tempfile.TemporaryFile(dir=directory) as file:
        for _ in range(50):
            file.write(b"x" * 4096)
            file.flush()
            begin = time.perf_counter()
            os.fsync(file.fileno())
            taken.append(time.perf_counter() - begin)
    return median_ms(taken)


def pss_mb(pid: int) -> float:
    """The memory of a process in MB, shared pages counted by their share."""
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii").splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) / 1024
    return 0.0
