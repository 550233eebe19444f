"""Asking the roles of this machine for a dump, and waiting for their files."""

from __future__ import annotations

import asyncio
import json
import secrets
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from clawsite.core.nudge import nudge
from clawsite.ops.dumps.places import folder
from clawsite.ops.dumps.taking import MOST_SECONDS, TOPIC

# Beyond the seconds of the dump itself: a busy loop, and a file to be written.
GRACE_SECONDS = 10.0
LOOK_SECONDS = 0.05


@dataclass(frozen=True, kw_only=True, slots=True)
class Wanted:
    """Which processes are to be looked at, how and for how long."""

    kind: str
    pids: tuple[int, ...]
    seconds: float = 0.0
    id: str = field(default_factory=lambda: secrets.token_hex(8))


async def ask(wanted: Wanted, *, grace: float = GRACE_SECONDS) -> tuple[list[dict[str, Any]], list[int]]:
    """Return the dumps that came, and the processes that did not answer in time."""
    nudge(TOPIC, id=wanted.id, kind=wanted.kind, pids=wanted.pids, seconds=wanted.seconds)
    until = time.monotonic() + min(wanted.seconds, MOST_SECONDS) + grace
    missing, found = set(wanted.pids), []
    while missing:
        for pid in sorted(missing):
            dump = await asyncio.to_thread(_read, folder() / f"{wanted.id}.{pid}.json")
            if dump is not None:
                found.append(dump)
                missing.discard(pid)
        if not missing or time.monotonic() > until:
            break
        await asyncio.sleep(LOOK_SECONDS)
    return found, sorted(missing)


def _read(path: Path) -> dict[str, Any] | None:
    try:
        dump: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    return dump
