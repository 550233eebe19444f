"""Which processes are inside one sandbox, the kernel's bound on how many, and the certain end of all of them.

Killing the first process of a sandbox ends all others, but not at once: while hundreds of others fork, it waits for the
kernel's locks behind them, and they become thousands. So everything inside is killed, round by round, until nothing is
left. Which processes these are tells the namespace of their numbers, which nothing can leave and nobody else is in.

Bubblewrap ends when its caller dies, but only some time after it has begun: one whose caller is killed before runs on
without anybody who looks at its time. So the program begins only when all of bubblewrap is ready to die with us. What
a kill can leave behind is a bubblewrap that has begun nothing: one whose own parent died before it let it go on.
"""

from __future__ import annotations

import os
import re
import select
import signal
import time
from contextlib import suppress
from typing import Self

from guardrails.groups import Group
from guardrails.usage import count_tasks

ROUNDS = 500
# How long a run attends to nothing but bubblewrap's first process, which waits for us.
FIRST_SECONDS = 0.5
_LOOK_SECONDS = 0.0005
# Runs its second argument with those after it as soon as a line comes from the descriptor that the first one names,
# and nothing at all when its other end is closed.
_GUARD = 'read -r _ <"/proc/self/fd/$1" && shift && exec "$@"'
_FIRST = re.compile(rb'"child-pid":\s*(\d+)')


class Insides:
    """Learns from bubblewrap, over a pipe, which process is the first inside, and holds the program back until then.

    group: where everything inside belongs; where one was made, bubblewrap itself is held back until it is in.
    """

    def __init__(self, wanted: bool, group: Group) -> None:
        self._group = group
        self._reads, self._writes = os.pipe() if wanted else (-1, -1)
        self._waits, self._release = os.pipe() if wanted else (-1, -1)
        self._held = os.dup(self._waits) if wanted and group.made else -1
        self._said = b""
        self._first = self._space = 0
        self._is_over = False
        self._held_back = self._held >= 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._leave()
        self._reads, self._release = map(_close, (self._reads, self._release))

    @property
    def told(self) -> int:
        """The descriptor that bubblewrap writes to."""
        return self._writes

    @property
    def held(self) -> int:
        """The descriptor that bubblewrap waits for before it begins the program; -1 when it need not."""
        return self._held

    @property
    def guard(self) -> tuple[str, ...]:
        """What to put before the program inside, so that it begins when we say so and not when we are dead."""
        return ("/bin/sh", "-c", _GUARD, "sh", str(self._waits)) if self._waits >= 0 else ()

    @property
    def pass_fds(self) -> tuple[int, ...]:
        """What the program inherits."""
        return tuple(descriptor for descriptor in (self._writes, self._held, self._waits) if descriptor >= 0)

    def started(self) -> None:
        """Leave the other ends to bubblewrap, and let what will be inside begin, if it is there at once."""
        self._leave()
        if self._release < 0:
            return
        deadline = time.monotonic() + FIRST_SECONDS
        poll = select.poll()  # select.select knows no descriptor above 1023
        poll.register(self._reads, select.POLLIN)
        poll.poll(FIRST_SECONDS * 1000)
        self.begin()
        while self._release >= 0 and time.monotonic() < deadline:
            time.sleep(_LOOK_SECONDS)
            self.begin()

    def begin(self) -> None:
        """Learn who is first inside, while its number is still its own; bound it and let it begin. Call it often."""
        self._find()
        if self._release < 0 or not (self._first or self._is_over):
            return
        if self._held_back:
            if self._first:
                self._group.take(self._first)
            self._say()
            self._held_back = False
        if self._is_over or _dies_with_us(self._first):
            self._say()
            self._release = _close(self._release)

    def _say(self) -> None:
        with suppress(OSError):  # said, not only closed: another child of ours may have this end as well
            os.write(self._release, b"\n")

    def _leave(self) -> None:
        self._writes, self._held, self._waits = map(_close, (self._writes, self._held, self._waits))

    def _find(self) -> int:
        if not self._space and self._reads >= 0:
            os.set_blocking(self._reads, False)
            with suppress(BlockingIOError):
                said = os.read(self._reads, 4096)
                self._is_over = not said
                self._said += said
            if found := _FIRST.search(self._said):
                self._first = int(found[1])
                self._space = space_of(self._first)
        return self._space

    def end(self) -> None:
        """Kill everything inside; nothing to do when the first process is gone, for then all are."""
        space = self._find()
        if not space or space == space_of(os.getpid()) or not _runs(self._first, space):
            return
        for _ in range(ROUNDS):
            inside = [int(name) for name in os.listdir("/proc") if name.isdigit() and _runs(int(name), space)]
            if not inside:
                return
            _kill(inside)


def space_of(process: int) -> int:
    """Return the number of the namespace that a process has its number in; 0 for one that is gone or not ours."""
    try:
        return os.stat(f"/proc/{process}/ns/pid").st_ino
    except OSError:
        return 0


def _runs(process: int, space: int) -> bool:
    """Whether it is in this namespace and more than the remains of a process."""
    return space_of(process) == space and _state(process) not in ("", "Z", "X")


def _dies_with_us(first: int) -> bool:
    """Whether the first process inside is done with all that it does before it waits for the program to end.

    The last of it is to bind its life to that of its parent, which has bound its own to ours before it told us of this
    one. True as well for a process that is gone, and where the kernel does not tell which children one has.
    """
    try:
        with open(f"/proc/{first}/task/{first}/children", "rb") as file:
            has_child = bool(file.read())
    except OSError:
        return True
    return has_child and _state(first) == "S"


def _state(process: int) -> str:
    """Return the letter of proc(5) for what a process does; nothing for one that is gone."""
    try:
        with open(f"/proc/{process}/stat", encoding="utf-8", errors="replace") as file:
            return file.read().rpartition(")")[2].split()[0]
    except OSError:
        return ""


def end_tree(root: int) -> None:
    """Kill what runs below a process, round by round; what has left the tree is not found."""
    for _ in range(ROUNDS):
        below = count_tasks(root, 1 << 22)[1][1:]
        if not below:
            return
        _kill(below)


def _close(descriptor: int) -> int:
    if descriptor >= 0:
        os.close(descriptor)
    return -1


def _kill(processes: list[int]) -> None:
    for process in processes:
        with suppress(ProcessLookupError, PermissionError):
            os.kill(process, signal.SIGKILL)
    time.sleep(0.002)
