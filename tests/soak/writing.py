"""People who write at an even rate, and when each of them was answered."""

from __future__ import annotations

import threading
import time
from itertools import count

from tests.faults.conversation import Conversation
from tests.faults.ledger import NUMBERED, numbered
from tests.soak.figures import Samples

LOOK_SECONDS = 0.02
LAST_SECONDS = 60.0
SENDS = ("sendMessage", "editMessageText")


class Writers:
    """Writes `rate` messages a second on a thread of its own until told to stop, and then waits for the answers."""

    def __init__(self, people: Conversation, samples: Samples, *, rate: float, begin: float) -> None:
        self._people, self._samples = people, samples
        self._rate, self._begin = rate, begin
        self._waiting: dict[tuple[int, int], float] = {}
        self._answered: set[tuple[int, int]] = set()
        self._seen = people.telegram.last_call()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="writers", daemon=True)

    def start(self) -> None:
        """Begin to write."""
        self._thread.start()

    def stop(self) -> None:
        """Write no more, and note what was not answered."""
        self._over.set()
        self._thread.join(LAST_SECONDS * 2)
        self._samples.lost = len(self._waiting)

    def _run(self) -> None:
        for number in count():
            due = self._begin + number / self._rate
            while (now := time.monotonic()) < due:
                self._read()
                time.sleep(min(LOOK_SECONDS, due - now))
            if self._over.is_set():
                break
            self._write(number)
        deadline = time.monotonic() + LAST_SECONDS
        while self._waiting and time.monotonic() < deadline:
            self._read()
            time.sleep(LOOK_SECONDS)

    def _write(self, number: int) -> None:
        people = self._people
        chat = people.chats[number % len(people.chats)]
        people.sent[chat] += 1
        key = (people.sent[chat], chat)
        self._waiting[key] = time.monotonic()
        people.telegram.user_sends(chat, numbered(*key))
        self._samples.sent += 1

    def _read(self) -> None:
        """Note the answers that have come since the last look."""
        for call in self._people.telegram.calls(since=self._seen):
            self._seen = call["seq"]
            found = NUMBERED.search(str(call["params"].get("text", ""))) if call["method"] in SENDS else None
            if found is None:
                continue
            key = (int(found.group(1)), int(found.group(2)))
            written = self._waiting.pop(key, None)
            if written is not None:
                self._answered.add(key)
                now = time.monotonic()
                self._samples.answers.append((now - self._begin, now - written))
            elif call["method"] == "sendMessage":
                self._samples.doubled += key in self._answered
