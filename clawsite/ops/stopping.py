"""Being told to stop while a command still loads: one sentence and the exit code of the signal, nothing else.

`end_on_signals` comes before every other import, so it imports nothing of Django. It ends the process where it stands:
an exception would be swallowed, or wrapped, by whatever import it falls into. Nothing has been begun by then; a child
that was, is ended first.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress

SENTENCE = "Stopped before clawsite had started; nothing was left running. Start it again when you like.\n"
_SIGNALS = (signal.SIGINT, signal.SIGTERM)

_children: set[int] = set()


def end_on_signals() -> None:
    """End on Ctrl-C and SIGTERM with a sentence, until others handle them. What is ignored stays ignored (nohup)."""
    for number in _SIGNALS:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _end)


def end_by_default() -> None:
    """Give the signals back: a command that has loaded knows better what to do about them."""
    if signal.getsignal(signal.SIGINT) is _end:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if signal.getsignal(signal.SIGTERM) is _end:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


@contextmanager
def ending_with_us(pid: int) -> Iterator[None]:
    """Have a child, which leads a session of its own, end with this process while somebody waits for it."""
    _children.add(pid)
    try:
        yield
    finally:
        _children.discard(pid)


def _end(number: int, _: object) -> None:
    for pid in _children:
        for send in (os.kill, os.killpg):
            with suppress(OSError):
                send(pid, signal.SIGTERM)
        with suppress(OSError):
            os.waitpid(pid, 0)
    with suppress(OSError):
        os.write(2, SENTENCE.encode())
    os._exit(128 + number)
