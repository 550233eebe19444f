"""The open WebSockets of this process, so that a restart closes them properly instead of cutting them.

A consumer registers when it accepts and unregisters when it is done, whatever the reason.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Protocol

from clawsite.core.errors import log_unknown

logger = logging.getLogger(__name__)

RESTARTING = 1012


class Closable(Protocol):
    """What is registered: it can tell its client that the server restarts, and close."""

    async def close_for_restart(self, code: int) -> None:
        """Send whatever the client should know and close the socket with the code."""


_open: set[Closable] = set()
_late: set[asyncio.Task[None]] = set()
_state = {"draining": False}


def register(socket: Closable) -> None:
    """Remember an open socket. One that was let in just before the end is closed at once."""
    _open.add(socket)
    if is_draining():
        task = asyncio.get_running_loop().create_task(_close(socket))
        _late.add(task)
        task.add_done_callback(_late.discard)


def unregister(socket: Closable) -> None:
    """Forget a socket; safe to call twice."""
    _open.discard(socket)


def count_open() -> int:
    """Return how many sockets are open."""
    return len(_open)


def is_draining() -> bool:
    """Tell whether this process stops: new sockets are refused, /readyz says 503."""
    return _state["draining"]


def begin_draining() -> None:
    """Refuse new work from here on."""
    _state["draining"] = True


async def close_all(*, seconds: float) -> None:
    """Close every socket with 1012, together, within so many seconds."""
    sockets = list(_open)
    if not sockets:
        return
    tasks = [asyncio.create_task(_close(socket)) for socket in sockets]
    _, late = await asyncio.wait(tasks, timeout=seconds)
    for task in late:
        task.cancel()
    if late:
        logger.warning("%d sockets did not close in time", len(late))


async def _close(socket: Closable) -> None:
    try:
        await socket.close_for_restart(RESTARTING)
    except Exception as error:
        log_unknown(error, where="closing a socket")
