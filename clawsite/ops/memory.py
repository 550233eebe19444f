"""Gives memory back that was needed for something large and is needed no more."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes

LARGE_BYTES = 1024 * 1024
# Once for all that is large within so many seconds: it takes some milliseconds.
PAUSE_SECONDS = 2.0
_state = {"is_due": False}


def give_back_soon() -> None:
    """Return what is free by then to the system. On the event loop only.

    A large message arrives as many small blocks. When they are freed the GNU C library keeps all of them, because of
    whatever small thing was put behind them meanwhile.
    """
    if not _state["is_due"]:
        _state["is_due"] = True
        asyncio.get_running_loop().call_later(PAUSE_SECONDS, _give_back)


def _give_back() -> None:
    _state["is_due"] = False
    with contextlib.suppress(OSError, AttributeError):  # a C library that has no such call
        ctypes.CDLL(None).malloc_trim(0)
