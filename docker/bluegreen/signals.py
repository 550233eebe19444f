"""A deployment that is told to stop, or whose terminal has gone, goes back in good order instead of ending anywhere."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from bluegreen.failure import Stopped

_STOPS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
Handler = Callable[[int, FrameType | None], None]


@contextmanager
def stoppable() -> Iterator[None]:
    """Raise Stopped in this block when a signal asks to stop."""
    with _handled(_stop):
        yield


@contextmanager
def undisturbed() -> Iterator[None]:
    """Let no such signal end this block. Programs that it starts can be stopped as ever."""
    with _handled(_overhear):
        yield


def _stop(number: int, _frame: FrameType | None) -> None:
    raise Stopped(f"It was told to stop ({signal.Signals(number).name}).")


def _overhear(_number: int, _frame: FrameType | None) -> None:
    """Do nothing; to ignore the signal instead would be inherited by what is started."""


@contextmanager
def _handled(handler: Handler) -> Iterator[None]:
    before = {number: signal.signal(number, handler) for number in _STOPS}
    try:
        yield
    finally:
        for number, each in before.items():
            signal.signal(number, each)
