"""Taking a dump in a role's own process, when a nudge or a signal asks for it."""

from __future__ import annotations

import asyncio
import logging
import os
import re
import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from clawsite.core.nudge import NudgeListener
from clawsite.ops.dumps.kinds import dump_memory, dump_profile, dump_sockets, dump_tasks, dump_threads
from clawsite.ops.dumps.places import keep

logger = logging.getLogger(__name__)

TOPIC = "dump"
MOST_SECONDS = 30.0
_IN_THREAD: Mapping[str, Callable[[float], dict[str, Any]]] = {
    "threads": dump_threads,
    "memory": dump_memory,
    "sockets": dump_sockets,
    "profile": dump_profile,
}
KINDS = ("tasks", *_IN_THREAD)
# What a signal asks for: all that takes no time.
_BY_SIGNAL = ("tasks", "threads", "memory", "sockets")
_NAME = re.compile(r"[0-9a-z-]{1,64}")

_running: set[asyncio.Task[None]] = set()


async def take(kind: str, *, role: str, seconds: float = 0.0) -> dict[str, Any]:
    """Look at this process. A kind that needs time takes `seconds`, at most MOST_SECONDS."""
    seconds = min(max(seconds, 0.0), MOST_SECONDS)
    found = dump_tasks() if kind == "tasks" else await asyncio.to_thread(_IN_THREAD[kind], seconds)
    return {"role": role, "pid": os.getpid(), "at": time.time(), "kind": kind, "seconds": seconds, **found}


def listen(listener: NudgeListener) -> None:
    """Take a dump whenever somebody asks this role or this process for one."""
    listener.on(TOPIC, partial(_on_nudge, listener.role))


def _on_nudge(role: str, wanted: dict[str, Any]) -> None:
    kind, name = str(wanted.get("kind")), str(wanted.get("id"))
    if os.getpid() not in wanted.get("pids", ()) or kind not in KINDS or not _NAME.fullmatch(name):
        return
    _begin(_write(f"{name}.{os.getpid()}", (kind,), role, float(wanted.get("seconds", 0.0))))


def on_signal(role: str) -> None:
    """Write a file with what takes no time to look at. A loop that hangs cannot: SIGUSR1 logs its stacks."""
    _begin(_write(f"signal-{int(time.time())}.{os.getpid()}", _BY_SIGNAL, role, 0.0))


def _begin(work: Any) -> None:
    if _running:  # one look at a time: the second would measure the first
        work.close()
        logger.warning("a dump is being taken already; this one is left out")
        return
    task = asyncio.get_running_loop().create_task(work, name="dump")
    _running.add(task)
    task.add_done_callback(_running.discard)


async def _write(name: str, kinds: tuple[str, ...], role: str, seconds: float) -> None:
    dump: dict[str, Any] = {}
    for kind in kinds:
        dump |= await take(kind, role=role, seconds=seconds)
    try:
        path = await asyncio.to_thread(keep, name, dump)
    except OSError as error:
        logger.error("a dump cannot be written: %s", error.strerror)
        return
    logger.info("a dump was written: %s", path)
