"""Running a program: an argument list, never a shell; a clean environment; limits on time, memory, files and output.

Where bubblewrap works, a program can be shut into a sandbox that sees the system read-only, one directory, and no
network unless told. Where it does not, only the limits hold, the result says so, and a caller that demands a sandbox
is refused. However a run ends, its whole process group is killed.
"""

from __future__ import annotations

import os
import re
import selectors
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Literal

from clawsite.core.errors import BadInput, NotConfigured
from guardrails.groups import Group
from guardrails.insides import Insides, end_tree
from guardrails.sandbox import PATH, Sandbox, has_sandbox, sandbox_argv
from guardrails.usage import INTERVAL, UNBOUNDED, Bounds, Excess, Watch

__all__ = ["UNBOUNDED", "Bounds", "Completed", "Limits", "Sandbox", "has_sandbox", "run"]

OUTPUT_BYTES = 1024 * 1024
ARGUMENT_BYTES = 128 * 1024
GRACE_SECONDS = 1.0
_CHUNK = 65_536
# Of the same package as prlimit.
_PARENT = ("setpriv", "--pdeathsig", "KILL", "--")

Confinement = Literal["sandbox", "limits"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Limits:
    """What one run may use; 0 stands for no limit. `processes` counts all of the same user, as the kernel does.

    `bounds` hold for all its processes together.
    """

    seconds: float = 60.0
    cpu_seconds: int = 60
    memory_bytes: int = 2 * 1024**3
    file_bytes: int = 256 * 1024**2
    open_files: int = 256
    processes: int = 0
    output_bytes: int = OUTPUT_BYTES
    bounds: Bounds = UNBOUNDED


@dataclass(frozen=True, kw_only=True, slots=True)
class Completed:
    """How a run ended. `code` is negative for a signal; output beyond the limit is dropped and `truncated` says so.

    `excess` names what all its processes together used too much of, and were killed for.
    """

    argv: tuple[str, ...]
    code: int
    stdout: bytes
    stderr: bytes
    seconds: float
    timed_out: bool = False
    truncated: bool = False
    confined: Confinement = "limits"
    excess: Excess = ""

    @property
    def ok(self) -> bool:
        """Whether it ended by itself with code 0."""
        return self.code == 0 and not self.timed_out and not self.excess


class _Exceeded(Exception):
    """Ends the reading of a run that uses too much."""

    def __init__(self, excess: Excess) -> None:
        super().__init__(excess)
        self.excess: Excess = excess


def run(
    argv: Sequence[str],
    *,
    cwd: Path,
    env: Mapping[str, str] | None = None,
    stdin: bytes = b"",
    limits: Limits | None = None,
    sandbox: Sandbox | None = None,
    check: Callable[[], None] | None = None,
    on_output: Callable[[bytes], None] | None = None,
    with_parent: bool = False,
    pass_fds: Sequence[int] = (),
) -> Completed:
    """Run one program to its end and return what it did; blocks, so call it in a thread from asyncio.

    The program is an absolute path or a name on PATH, which is fixed unless `env` holds another. The environment holds
    `env` and a few plain variables, nothing of ours. Raises BadInput for an argument list that cannot be run,
    NotConfigured when a sandbox is demanded and there is none.

    `check` is called many times a second and ends the run by raising. `on_output` gets what is kept of the output as
    it comes. `with_parent` has the program die with the thread that calls, should that be killed; `pass_fds` stay open
    in it, such as those of locks that it is to keep meanwhile.
    """
    limits = limits or Limits()
    variables = {"PATH": PATH, "HOME": str(cwd), "LANG": "C.UTF-8", "TMPDIR": "/tmp", **(env or {})}  # noqa: S108
    command = _check_argv(argv, variables["PATH"])
    with Group(limits.bounds.tasks if sandbox else 0) as group, Insides(sandbox is not None, group) as insides:
        watch = Watch(limits.bounds, sandbox.writable if sandbox is not None else (cwd,), group)
        if sandbox is not None:
            command = [
                *sandbox_argv(sandbox, cwd=cwd, env=variables, told=insides.told, held=insides.held),
                *insides.guard,
                *_tasks_argv(limits.bounds),
                *command,
            ]
        started = time.monotonic()
        process = subprocess.Popen(
            [*_limit_argv(limits), *(_PARENT if with_parent else ()), *command],
            cwd=cwd,
            env=variables,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
            close_fds=True,
            pass_fds=(*insides.pass_fds, *pass_fds),
        )
        reading = _Reading(process, stdin=stdin, limits=limits, on_output=on_output or _nothing)
        timed_out = False
        excess: Excess = ""
        try:
            try:
                insides.started()
                timed_out = not reading.until(
                    started + limits.seconds, check=_checks(check, watch, insides, process.pid)
                )
            except _Exceeded as error:
                excess = error.excess
                insides.end()
                end_tree(process.pid)
            finally:
                _end_group(process)
                insides.end()
            reading.until(time.monotonic() + GRACE_SECONDS)
        finally:
            reading.close()
        excess = excess or ("tasks" if group.was_full() else "")
    return Completed(
        argv=tuple(argv),
        code=process.returncode,
        stdout=reading.text("stdout"),
        stderr=reading.text("stderr"),
        seconds=time.monotonic() - started,
        timed_out=timed_out,
        truncated=reading.truncated,
        confined="sandbox" if sandbox is not None else "limits",
        excess=excess,
    )


def _checks(check: Callable[[], None] | None, watch: Watch, insides: Insides, process: int) -> Callable[[], None]:
    """Return what is done many times a second: the caller's check, and the look at what the run uses."""

    def look() -> None:
        if check is not None:
            check()
        insides.begin()
        if excess := watch.look(process):
            raise _Exceeded(excess)

    return look


def _check_argv(argv: Sequence[str], path: str) -> list[str]:
    if isinstance(argv, str | bytes) or not argv:
        raise BadInput("A program is given as a list of arguments.")
    if any("\x00" in part for part in argv) or sum(len(part.encode()) for part in argv) > ARGUMENT_BYTES:
        raise BadInput("The arguments are too long or hold a NUL.")
    program = argv[0] if os.path.isabs(argv[0]) else shutil.which(argv[0], path=path) if "/" not in argv[0] else None
    if not program or not os.access(program, os.X_OK) or not os.path.isfile(program):
        raise BadInput(f"There is no program {argv[0]!r}.")
    return [program, *argv[1:]]


def _limit_argv(limits: Limits) -> list[str]:
    """Limits are set by a small program between us and the other: code between fork and exec is not safe in threads."""
    program = shutil.which("prlimit", path=PATH)
    if program is None:
        raise NotConfigured("The program prlimit (package util-linux) is needed to run other programs.")
    values = {
        "core": "0",
        "cpu": limits.cpu_seconds,
        "as": limits.memory_bytes,
        "fsize": limits.file_bytes,
        "nofile": limits.open_files,
        "nproc": limits.processes,
    }
    return [program, *(f"--{name}={value}" for name, value in values.items() if value), "--"]


def _tasks_argv(bounds: Bounds) -> list[str]:
    """Have the kernel bound the tasks as well where it can: by sandbox it counts since Linux 5.14, never root's."""
    if not bounds.tasks or os.geteuid() == 0 or _linux() < (5, 14):
        return []
    return ["prlimit", f"--nproc={bounds.tasks}", "--"]


def _linux() -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", os.uname().release)[:2])


def _end_group(process: subprocess.Popen[bytes]) -> None:
    """Kill what is left of the group: politely if the program still runs, for certain in any case."""
    if process.poll() is None:
        _signal_group(process.pid, signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            process.wait(GRACE_SECONDS)
    _signal_group(process.pid, signal.SIGKILL)
    process.wait()


def _signal_group(group: int, number: signal.Signals) -> None:
    try:
        os.killpg(group, number)
    except (ProcessLookupError, PermissionError):
        return


def _nothing(*_: object) -> None:
    """Stand for what the caller did not ask for."""


class _Reading:
    """Feeds and empties the pipes of a process without ever letting it wait for us."""

    def __init__(
        self,
        process: subprocess.Popen[bytes],
        *,
        stdin: bytes,
        limits: Limits,
        on_output: Callable[[bytes], None],
    ) -> None:
        self._process = process
        self._on_output = on_output
        self._input = memoryview(stdin)
        self._room = limits.output_bytes
        self._kept = {"stdout": bytearray(), "stderr": bytearray()}
        self._selector = selectors.DefaultSelector()
        self._pipes = {"stdin": process.stdin, "stdout": process.stdout, "stderr": process.stderr}
        self.truncated = False
        for name, pipe in self._pipes.items():
            if pipe is not None:
                os.set_blocking(pipe.fileno(), False)
                event = selectors.EVENT_WRITE if name == "stdin" else selectors.EVENT_READ
                self._selector.register(pipe, event, name)

    def until(self, deadline: float, *, check: Callable[[], None] = _nothing) -> bool:
        """Serve the pipes until all are closed or the process has ended and is silent; False at the deadline."""
        while self._selector.get_map():
            check()
            left = deadline - time.monotonic()
            if left <= 0:
                return False
            ready = self._selector.select(min(left, INTERVAL))
            for key, _ in ready:
                self._serve(key)
            if not ready and self._process.poll() is not None:
                return True
        return self._ended(deadline, check)

    def _ended(self, deadline: float, check: Callable[[], None]) -> bool:
        while self._process.poll() is None:
            check()
            left = deadline - time.monotonic()
            if left <= 0:
                return False
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(min(left, INTERVAL))
        return True

    def _serve(self, key: selectors.SelectorKey) -> None:
        if key.data == "stdin":
            self._write(key)
        else:
            self._read(key)

    def _write(self, key: selectors.SelectorKey) -> None:
        try:
            self._input = self._input[os.write(key.fd, self._input[:_CHUNK]) :]
        except (BrokenPipeError, ConnectionResetError):
            self._input = self._input[:0]
        if not self._input:
            self._selector.unregister(key.fileobj)
            _close(self._pipes["stdin"])

    def _read(self, key: selectors.SelectorKey) -> None:
        data = os.read(key.fd, _CHUNK)
        if not data:
            self._selector.unregister(key.fileobj)
            return
        self.truncated = self.truncated or len(data) > self._room
        kept = data[: self._room]
        self._kept[key.data] += kept
        self._room -= len(kept)
        if kept:
            self._on_output(kept)

    def text(self, name: str) -> bytes:
        """Return what a pipe brought."""
        return bytes(self._kept[name])

    def close(self) -> None:
        """Let the pipes go; whoever still writes to them gets an error."""
        self._selector.close()
        for pipe in self._pipes.values():
            _close(pipe)


def _close(pipe: IO[bytes] | None) -> None:
    if pipe is not None:
        with suppress(BrokenPipeError):
            pipe.close()
