"""The jobs of the scripted gateway. They outlive its restarts, as rows would."""

from __future__ import annotations

import asyncio
import itertools
import time
from dataclasses import dataclass, field
from typing import Any


@dataclass(kw_only=True, slots=True)
class EmulatedJob:
    """A job with its events; `seq` counts from 1."""

    id: str
    kind: str
    params: dict[str, Any]
    state: str = "created"
    events: list[dict[str, Any]] = field(default_factory=list)
    news: asyncio.Event = field(default_factory=asyncio.Event)

    def emit(self, kind: str, data: Any = None) -> None:
        """Append an event and wake those who send them."""
        event = {"jobId": self.id, "seq": len(self.events) + 1, "kind": kind, "data": data, "ts": _now_ms()}
        self.events.append(event)
        self.news.set()
        self.news = asyncio.Event()

    def end(self, state: str = "succeeded") -> None:
        """Finish, with the last event."""
        self.state = state
        self.emit("end", {"state": state})

    def describe(self) -> dict[str, Any]:
        """Return the wire's row."""
        return {"id": self.id, "kind": self.kind, "state": self.state, "lastSeq": len(self.events), "createdAtMs": 0}


class Jobs:
    """Jobs by id, and by the key that created them."""

    def __init__(self) -> None:
        self.by_id: dict[str, EmulatedJob] = {}
        self._by_key: dict[str, EmulatedJob] = {}
        self._numbers = itertools.count(1)

    def create(self, kind: str = "selftest", params: dict[str, Any] | None = None, key: str = "") -> EmulatedJob:
        """Return a new job, or the one that this key created."""
        if key and key in self._by_key:
            return self._by_key[key]
        job = EmulatedJob(id=f"job{next(self._numbers)}", kind=kind, params=params or {})
        self.by_id[job.id] = job
        if key:
            self._by_key[key] = job
        return job

    def start(self, job: EmulatedJob) -> None:
        """Run a job to its end at once: a line for each of `params.count`."""
        if job.state == "created":
            job.state = "running"
            for number in range(job.params.get("count", 3)):
                job.emit("line", {"text": f"line {number + 1}"})
            job.end()


def _now_ms() -> int:
    return int(time.time() * 1000)
