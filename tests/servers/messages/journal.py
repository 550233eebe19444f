"""The record of every request: what came, what was answered, how it ended.

Invariant: entries are numbered from 1; the oldest go when there are too many or their bodies are too large
together.
"""

from __future__ import annotations

import json
import time
from collections import deque
from dataclasses import dataclass, field
from typing import Any

MAX_ENTRIES = 50_000
MAX_BODY_BYTES = 64 * 1024 * 1024


@dataclass(slots=True, kw_only=True)
class Entry:
    """One request. `outcome` is running, complete, refused, error, cut, eof or client_closed."""

    seq: int
    path: str
    headers: dict[str, str]
    body: bytes
    at: float = field(default_factory=time.time)
    model: str | None = None
    stream: bool = False
    last_user: str = ""
    script: int | None = None
    status: int = 200
    error: str | None = None
    usage: dict[str, Any] = field(default_factory=dict)
    outcome: str = "running"
    seconds: float = 0.0

    def finish(self, outcome: str) -> None:
        self.outcome = outcome
        self.seconds = time.time() - self.at

    def describe(self) -> dict[str, Any]:
        """For the control side, with the body parsed (None when it is no JSON)."""
        names = (
            "seq",
            "at",
            "path",
            "headers",
            "model",
            "stream",
            "last_user",
            "script",
            "status",
            "error",
            "usage",
            "outcome",
            "seconds",
        )
        try:
            body = json.loads(self.body) if self.body else None
        except ValueError:
            body = None
        return {name: getattr(self, name) for name in names} | {"body": body}


class Journal:
    """The newest requests."""

    def __init__(self) -> None:
        self.entries: deque[Entry] = deque()
        self.last = 0
        self._bytes = 0

    def add(self, *, path: str, headers: dict[str, str], body: bytes) -> Entry:
        self.last += 1
        entry = Entry(seq=self.last, path=path, headers=headers, body=body)
        self.entries.append(entry)
        self._bytes += len(body)
        while len(self.entries) > MAX_ENTRIES or (self._bytes > MAX_BODY_BYTES and len(self.entries) > 1):
            self._bytes -= len(self.entries.popleft().body)
        return entry

    def since(self, seq: int) -> list[Entry]:
        """Entries with a larger number, in order."""
        start = max(0, len(self.entries) - max(0, self.last - seq))
        return [self.entries[index] for index in range(start, len(self.entries))]
