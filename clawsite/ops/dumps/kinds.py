"""What can be looked at. Each kind returns plain data of a bounded size; all but the tasks run in a thread."""

from __future__ import annotations

import asyncio
import gc
import sys
import threading
import time
import tracemalloc
from collections import Counter
from typing import Any

import psutil

from clawsite.ops.dumps.places import place_of, stack_of

MOST_TASKS = 500
MOST_SOCKETS = 300
MOST_LINES = 40
MOST_STACKS = 200
SAMPLE_SECONDS = 0.01
# Innermost functions of threads that wait for something to do.
WAITING = frozenset(
    {
        "select",
        "poll",
        "wait",
        "_wait_for_tstate_lock",
        "accept",
        "get",
        "acquire",
        "_worker",
        "read",
        "_watch_supervisor",
    }
)


def dump_tasks() -> dict[str, Any]:
    """Return the tasks of the running event loop: what each is, and where it waits."""
    tasks = asyncio.all_tasks()
    shown = [
        {
            "name": task.get_name(),
            "what": getattr(task.get_coro(), "__qualname__", "?"),
            "stack": [line for frame in task.get_stack(limit=1) for line in stack_of(frame)[-8:]],
        }
        for task in sorted(tasks, key=lambda task: task.get_name())[:MOST_TASKS]
    ]
    return {"count": len(tasks), "tasks": shown}


def dump_threads(seconds: float) -> dict[str, Any]:
    """Return where each thread is."""
    names = {thread.ident: thread.name for thread in threading.enumerate()}
    frames = sys._current_frames()
    return {"threads": [{"name": names.get(key, "?"), "stack": stack_of(frame)} for key, frame in frames.items()]}


def dump_memory(seconds: float) -> dict[str, Any]:
    """Return what takes memory: objects by type, and which lines asked for most within so many seconds."""
    own = psutil.Process().memory_info()
    types = Counter(type(each).__qualname__ for each in gc.get_objects())
    found = {
        "rss": own.rss,
        "collected": gc.get_stats(),
        "objects": sum(types.values()),
        "types": dict(types.most_common(MOST_LINES)),
    }
    return found | ({"grown": _grown(seconds)} if seconds else {})


def _grown(seconds: float) -> list[dict[str, Any]]:
    """Trace for a while. Tracing slows every allocation down, so it always ends."""
    if tracemalloc.is_tracing():
        return []
    tracemalloc.start()
    try:
        time.sleep(seconds)
        snapshot = tracemalloc.take_snapshot()
    finally:
        tracemalloc.stop()
    lines = snapshot.filter_traces([tracemalloc.Filter(False, tracemalloc.__file__)]).statistics("lineno")
    return [{"line": str(each.traceback[0]), "bytes": each.size, "count": each.count} for each in lines[:MOST_LINES]]


def dump_sockets(seconds: float) -> dict[str, Any]:
    """Return the connections of this process, and how many files it has open."""
    own = psutil.Process()
    found = own.net_connections(kind="inet")
    shown = [
        {"local": _address(each.laddr), "remote": _address(each.raddr), "state": each.status}
        for each in found[:MOST_SOCKETS]
    ]
    return {
        "files": own.num_fds(),
        "unix": len(own.net_connections(kind="unix")),
        "states": dict(Counter(each.status for each in found)),
        "sockets": shown,
    }


def _address(address: Any) -> str:
    return f"{address.ip}:{address.port}" if address else ""


def dump_profile(seconds: float) -> dict[str, Any]:
    """Sample all threads for so many seconds: stacks as flame graphs read them, and the functions at work.

    A thread whose innermost function waits counts as idle. Our own thread is left out.
    """
    stacks: Counter[str] = Counter()
    functions: Counter[str] = Counter()
    samples = idle = 0
    own, end, before = threading.get_ident(), time.monotonic() + seconds, psutil.Process().cpu_times()
    while time.monotonic() < end:
        samples += 1
        for key, frame in sys._current_frames().items():
            if key == own:
                continue
            if frame.f_code.co_name in WAITING:
                idle += 1
                continue
            functions[place_of(frame)] += 1
            stacks[_folded(frame)] += 1
        time.sleep(SAMPLE_SECONDS)
    after = psutil.Process().cpu_times()
    return {
        "samples": samples,
        "idle": idle,
        "cpu": round(after.user + after.system - before.user - before.system, 3),
        "functions": dict(functions.most_common(MOST_LINES)),
        "stacks": [f"{stack} {count}" for stack, count in stacks.most_common(MOST_STACKS)],
    }


def _folded(frame: Any) -> str:
    places: list[str] = []
    while frame is not None and len(places) < MOST_LINES:
        places.append(place_of(frame))
        frame = frame.f_back
    return ";".join(reversed(places))
