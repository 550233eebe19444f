"""Children of the supervisor: how they are forked, heard and killed with all they started.

Every child leads a session of its own, so a signal to its group reaches what it started and nothing else.
"""

from __future__ import annotations

import gc
import logging
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

from clawsite.core.process import find_start
from clawsite.ops.link import READY, Link
from clawsite.ops.watchdog import Backoff

logger = logging.getLogger(__name__)

_READ_BYTES = 4096


@dataclass(frozen=True, kw_only=True, slots=True)
class Role:
    """A kind of child that is kept running. `run` is called in the fork and returns its exit code.

    beats: whether silence means that it hangs. listens: whether it is given the supervisor's bound socket.
    """

    name: str
    run: Callable[[Link], int]
    beats: bool = True
    listens: bool = False


@dataclass(kw_only=True, slots=True)
class Child:
    """One run of a role."""

    role: Role
    pid: int
    beat_fd: int
    started: int = field(default=0)
    born: float = field(default_factory=time.monotonic)
    last_beat: float = field(default_factory=time.monotonic)
    beaten: bool = field(default=False)
    ready: bool = field(default=False)
    mute: bool = field(default=False)

    def read_beats(self) -> bool:
        """Take what the pipe holds; return whether the role has just become ready.

        Afterwards `mute` tells that the child has closed its end, so there is nothing more to wait for.
        """
        try:
            words = os.read(self.beat_fd, _READ_BYTES)
        except BlockingIOError:
            return False
        self.mute = not words
        if words:
            self.last_beat = time.monotonic()
            self.beaten = True
        news = READY in words and not self.ready
        self.ready = self.ready or news
        return news

    def signal(self, number: int) -> None:
        """Signal the leader only; it tells its own children."""
        with suppress(ProcessLookupError):
            os.kill(self.pid, number)

    def kill_group(self) -> None:
        """Kill the child and everything it started. The leader must not have been collected yet."""
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)
        self.signal(signal.SIGKILL)


@dataclass(kw_only=True)
class Slot:
    """A role's place: its child while one runs, and when the next may start."""

    role: Role
    child: Child | None = None
    start_at: float = 0.0
    backoff: Backoff = field(default_factory=Backoff)

    def is_sound(self, hang_seconds: float) -> bool:
        """Tell whether a child runs here that has not fallen silent."""
        if self.child is None or not self.role.beats:
            return self.child is not None
        return self.child.beaten and time.monotonic() - self.child.last_beat < hang_seconds


def fork(work: Callable[[], int], *, close: tuple[int, ...] = ()) -> int:
    """Fork a child that leads its own session, does its work and exits with its answer. `close`: not for it."""
    sys.stdout.flush()
    sys.stderr.flush()
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        _become_child(close)
        code = work()
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 1
    except BaseException:  # the child must never return into the supervisor's code
        logger.critical("%s", traceback.format_exc())
    finally:
        with suppress(OSError, ValueError):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)


def _become_child(close: tuple[int, ...]) -> None:
    os.setsid()
    signal.set_wakeup_fd(-1)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD):
        signal.signal(number, signal.SIG_DFL)
    for handle in close:
        with suppress(OSError):
            os.close(handle)
    gc.enable()


def fork_role(role: Role, *, life: tuple[int, int], listen_fd: int | None, close: tuple[int, ...]) -> Child:
    """Start one run of a role; OSError when the system has no room for another process."""
    read_fd, write_fd = os.pipe()
    os.set_blocking(read_fd, False)
    os.set_blocking(write_fd, False)
    link = Link(beat_fd=write_fd, life_fd=life[0], listen_fd=listen_fd if role.listens else None)
    strange = () if role.listens or listen_fd is None else (listen_fd,)
    try:
        pid = fork(lambda: role.run(link), close=(*close, *strange, read_fd, life[1]))
    except OSError:
        os.close(read_fd)
        raise
    finally:
        os.close(write_fd)
    return Child(role=role, pid=pid, beat_fd=read_fd, started=find_start(pid) or 0)
