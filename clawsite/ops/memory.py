"""Gives memory back to the system that is needed no more: soon after something large, and now and then in any case.

The GNU C library keeps what is freed when anything small was put behind it. A process that reads and forgets pages of
the database for hours would so take more and more while it holds no more than before.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import gc

from clawsite.core.jitter import jitter

LARGE_BYTES = 1024 * 1024
# Once for all that is large within so many seconds: it takes some milliseconds.
PAUSE_SECONDS = 2.0
# What became free bit by bit. Giving it back took half a millisecond in a heap of 55 MB.
OFTEN_SECONDS = 30.0
# The name of a setting in malloc.h.
_ARENA_MAX = -8
_state = {"is_due": False, "ended": 0}
# So many sockets may have ended before what they left behind is looked for, or a quarter of those that are open.
MOST_ENDED = 256


def note_ended(open_now: int) -> None:
    """Count a socket that has ended, and look for garbage now and then.

    That of a page and what feeds it hold one another, with some 10 KB. Python itself looks for such old ones after
    70,000 new objects: a thousand sockets. To have Python look more often at everything cost requests under overload.
    """
    _state["ended"] += 1
    if _state["ended"] >= max(MOST_ENDED, open_now // 4):
        _state["ended"] = 0
        gc.collect()


def share_heap() -> None:
    """Have all threads take memory from one heap, of which one part is used again by the next.

    Else each gets a heap with holes of its own, though only one of them at a time runs in Python. Call it before there
    are any. Under a soak's load web grew by 8 MB instead of 13, bots by 6 instead of 10.
    """
    with contextlib.suppress(OSError, AttributeError):  # a C library that has no such call
        ctypes.CDLL(None).mallopt(_ARENA_MAX, 1)


def give_back_soon() -> None:
    """Return what is free by then to the system, because a large message arrives as many small blocks.

    On the event loop only.
    """
    if not _state["is_due"]:
        _state["is_due"] = True
        asyncio.get_running_loop().call_later(PAUSE_SECONDS, _give_back)


async def keep_giving_back() -> None:
    """Return what is free to the system now and then, until cancelled."""
    while True:
        await asyncio.sleep(jitter(OFTEN_SECONDS))
        _give_back()


def _give_back() -> None:
    _state["is_due"] = False
    with contextlib.suppress(OSError, AttributeError):  # a C library that has no such call
        ctypes.CDLL(None).malloc_trim(0)
