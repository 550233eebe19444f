"""The supervisor: keeps the roles running, kills what hangs, and leaves nothing behind.

One plain loop over file descriptors: no threads, no asyncio, no database. So it can fork its roles at any time
from the modules it has loaded, and nothing that is wrong with the database or an event loop can stop it.
"""

from __future__ import annotations

import logging
import os
import selectors
import signal
import time
from collections.abc import Callable, Sequence
from contextlib import suppress

import psutil

from clawsite.ops.children import Child, Role, Slot, fork, fork_role
from clawsite.ops.crashes import CrashLog
from clawsite.ops.watchdog import ANEW, HEALTHY_SECONDS, OWN_GAP_SECONDS, is_hung

logger = logging.getLogger(__name__)

TICK_SECONDS = 0.5
SWEEP_SECONDS = 30.0
RETRY_SECONDS = 1.0
# Between asking a hung process for its stacks and killing it.
DUMP_SECONDS = 0.3
_STOPS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


class Supervisor:
    """Runs roles until told to stop.

    sweep: frees what dead processes held; runs in a fork of its own after each death. on_ready: told the name of
    a role whenever one begins to work. on_fork: told pid and start time of all children whenever they change.
    crashes: told of roles that die again and again. on_sound: called in each round that finds every role at work.
    close: what no child may hold.
    """

    def __init__(
        self,
        roles: Sequence[Role],
        *,
        drain_seconds: float,
        hang_seconds: float,
        sweep: Callable[[], object],
        on_ready: Callable[[str], None],
        on_fork: Callable[[list[tuple[int, int]]], None],
        crashes: CrashLog,
        on_sound: Callable[[], object] = lambda: None,
        listen_fd: int | None = None,
        close: tuple[int, ...] = (),
    ) -> None:
        self._slots = [Slot(role=role) for role in roles]
        self._drain_seconds = drain_seconds
        self._hang_seconds = hang_seconds
        self._sweep = sweep
        self._on_ready = on_ready
        self._on_fork = on_fork
        self._crashes = crashes
        self._on_sound = on_sound
        self._listen_fd = listen_fd
        self._close = close
        self._selector = selectors.DefaultSelector()
        self._life = os.pipe()
        self._sweepers: dict[int, float] = {}
        self._stops = 0

    def run(self) -> int:
        """Keep everything running; return 0 once told to stop and everything has ended in time, else 1."""
        wake = self._catch_signals()
        try:
            before = time.monotonic()
            while not self._stops:
                self._start_due()
                before = self._wait(before)
                self._reap()
                self._kill_hung()
                self._forgive_healthy()
                if all(slot.is_sound(self._hang_seconds) for slot in self._slots):
                    self._on_sound()
            return self._drain()
        finally:
            self._crashes.close()
            signal.set_wakeup_fd(-1)
            for handle in (*wake, *self._life):
                os.close(handle)
            self._selector.close()

    def _catch_signals(self) -> tuple[int, int]:
        read_fd, write_fd = os.pipe()
        for handle in (read_fd, write_fd):
            os.set_blocking(handle, False)
        self._close = (*self._close, read_fd, write_fd, self._selector.fileno())
        signal.set_wakeup_fd(write_fd, warn_on_full_buffer=False)
        for number in _STOPS:
            signal.signal(number, self._count_stop)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        self._selector.register(read_fd, selectors.EVENT_READ, None)
        return read_fd, write_fd

    def _count_stop(self, number: int, _: object) -> None:
        self._stops += 1

    # --- Starting ------------------------------------------------------------------------------------------

    def _start_due(self) -> None:
        now = time.monotonic()
        for slot in self._slots:
            if slot.child is None and slot.start_at <= now:
                try:
                    self._start(slot)
                except OSError as error:
                    slot.start_at = now + RETRY_SECONDS
                    logger.error("%s cannot be started: %s; trying again", slot.role.name, error.strerror)

    def _start(self, slot: Slot) -> None:
        others = tuple(other.child.beat_fd for other in self._slots if other.child is not None)
        slot.child = fork_role(slot.role, life=self._life, listen_fd=self._listen_fd, close=(*self._close, *others))
        self._selector.register(slot.child.beat_fd, selectors.EVENT_READ, slot.child)
        self._on_fork([(child.pid, child.started) for child in self._children()])

    def _children(self) -> list[Child]:
        return [slot.child for slot in self._slots if slot.child is not None]

    # --- Watching ------------------------------------------------------------------------------------------

    def _wait(self, before: float) -> float:
        """Wait for beats, deaths and signals. After a gap of our own nobody is blamed for a silence."""
        for key, _ in self._selector.select(self._pause()):
            if isinstance(key.data, Child):
                self._hear(key.data)
            else:
                with suppress(BlockingIOError):
                    os.read(key.fd, 4096)
        now = time.monotonic()
        if now - before > OWN_GAP_SECONDS:
            for child in self._children():
                child.last_beat = now
        return now

    def _pause(self) -> float:
        now = time.monotonic()
        waits = [slot.start_at - now for slot in self._slots if slot.child is None]
        return max(0.0, min([TICK_SECONDS, *waits]))

    def _hear(self, child: Child) -> None:
        if child.read_beats():
            self._on_ready(child.role.name)
        if child.mute:  # an emulator, or a dead one not yet buried: its pipe would wake us for ever
            self._selector.unregister(child.beat_fd)

    def _kill_hung(self) -> None:
        now = time.monotonic()
        for child in self._children():
            silent = now - child.last_beat
            if child.role.beats and is_hung(silent=silent, started=child.beaten, hang_seconds=self._hang_seconds):
                logger.error("%s (pid %d) hangs for %.0f s; killing it", child.role.name, child.pid, silent)
                child.signal(signal.SIGUSR1)  # its stacks go to the log, if it can still do that
                time.sleep(DUMP_SECONDS)
                child.kill_group()

    def _forgive_healthy(self) -> None:
        """Tell of roles that have run for long enough that what was before is over."""
        now = time.monotonic()
        for child in self._children():
            if now - child.born >= HEALTHY_SECONDS:
                self._crashes.forgive(child.role.name)

    # --- Burying -------------------------------------------------------------------------------------------

    def _reap(self) -> None:
        """Collect the dead: roles, sweepers, and orphans of roles that came to us."""
        while True:
            try:
                found = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            except ChildProcessError:
                return
            if found is None:
                break
            slot = self._find_slot(found.si_pid)
            if slot is not None and slot.child is not None:
                slot.child.kill_group()  # before it is collected: until then its number cannot be used again
            os.waitpid(found.si_pid, 0)
            self._sweepers.pop(found.si_pid, None)
            if slot is not None:
                self._bury(slot, found.si_code, found.si_status)
        self._kill_late_sweepers()

    def _find_slot(self, pid: int) -> Slot | None:
        return next((slot for slot in self._slots if slot.child is not None and slot.child.pid == pid), None)

    def _bury(self, slot: Slot, code: int, status: int) -> None:
        child, slot.child = slot.child, None
        if child is None:
            return
        if not child.mute:
            self._selector.unregister(child.beat_fd)
        os.close(child.beat_fd)
        self._kill_orphans()
        if self._stops:
            return
        ran = time.monotonic() - child.born
        killed = code == os.CLD_KILLED and status == signal.SIGKILL and child.ready
        pause = slot.backoff.next_pause(ran=ran, killed=killed)
        slot.start_at = time.monotonic() + pause
        how = f"exit code {status}" if code == os.CLD_EXITED else f"signal {status}"
        when = f"in {pause:.0f} s" if pause else "now"
        if (code, status) == (os.CLD_EXITED, ANEW):
            logger.warning("%s (pid %d) begins anew %s", child.role.name, child.pid, when)
        else:
            logger.error("%s (pid %d) died of %s; starting it again %s", child.role.name, child.pid, how, when)
        if slot.backoff.is_loop and (why := self._crashes.note(child.role.name, deaths=slot.backoff.deaths, how=how)):
            logger.error("%s cannot work: %s", child.role.name, why)
        self._start_sweeper()

    def _start_sweeper(self) -> None:
        others = tuple(child.beat_fd for child in self._children())
        listen = () if self._listen_fd is None else (self._listen_fd,)
        try:
            pid = fork(self._run_sweep, close=(*self._close, *others, *listen, *self._life))
        except OSError as error:  # the role that starts next does the same
            logger.warning("no process to free what the dead held: %s", error.strerror)
        else:
            self._sweepers[pid] = time.monotonic() + SWEEP_SECONDS

    def _run_sweep(self) -> int:
        self._sweep()
        return 0

    def _kill_late_sweepers(self) -> None:
        now = time.monotonic()
        for pid, deadline in self._sweepers.items():
            if now > deadline:
                os.kill(pid, signal.SIGKILL)

    def _kill_orphans(self) -> None:
        """Kill what the dead left behind in sessions of their own: it became our child (see adopt_orphans)."""
        known = {child.pid for child in self._children()} | set(self._sweepers)
        for process in psutil.Process().children():
            if process.pid not in known:
                with suppress(psutil.Error):
                    process.kill()

    # --- Stopping ------------------------------------------------------------------------------------------

    def _drain(self) -> int:
        """Ask everybody to stop, kill who is late. A second signal kills at once."""
        logger.info("stopping")
        first, deadline = self._stops, time.monotonic() + self._drain_seconds
        for child in self._children():
            child.signal(signal.SIGTERM)
        while self._children() and time.monotonic() < deadline and self._stops == first:
            self._wait(time.monotonic())
            self._reap()
        late = self._children()
        for child in late:
            logger.error("%s (pid %d) did not stop in time; killing it", child.role.name, child.pid)
            child.kill_group()
        self._bury_rest()
        logger.info("stopped")
        return 1 if late else 0

    def _bury_rest(self) -> None:
        for pid in self._sweepers:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        deadline = time.monotonic() + TICK_SECONDS * 10
        while (self._children() or self._sweepers) and time.monotonic() < deadline:
            self._wait(time.monotonic())
            self._reap()
        self._kill_orphans()
