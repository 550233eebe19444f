"""The only door to django-q2: tasks are put in here, and the worker role starts its cluster here.

The queue carries names and ids and wakes workers; the truth about work is in our own rows. A task may run twice, and
its arguments are JSON values.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from multiprocessing.sharedctypes import RawValue
from multiprocessing.util import Finalize
from pathlib import Path
from typing import Any

import psutil
from django.conf import settings
from django.db import Error, connections
from django.utils import timezone
from django_q.brokers.orm import ORM
from django_q.cluster import Cluster
from django_q.conf import Conf
from django_q.models import OrmQ, Task
from django_q.signals import post_execute_in_worker, pre_execute
from django_q.signing import SignedPackage
from django_q.tasks import async_task

from clawsite.core.clock import Offset
from clawsite.core.nudge import QUEUE, QueueSocket, nudge_on_commit

logger = logging.getLogger(__name__)
logging.getLogger("django-q").setLevel(logging.WARNING)

JSON = str | int | float | bool | None | list[Any] | dict[str, Any]

# Set for all processes of a cluster when it begins to stop: nothing new is taken then.
_closing = RawValue("b", 0)

CANARY_SECONDS = 30.0
# A task may run for its timeout before the next sign of life.
SILENCE_SECONDS = float(Conf.TIMEOUT) + 60.0
ERROR_SECONDS = 1.0
# What waits meanwhile are the results of other tasks; a task that stays in the queue runs once more.
DELETE_SECONDS = 60.0


def enqueue(task: str, /, *args: JSON) -> str:
    """Have a worker call the function with this dotted path, after the current transaction. Returns the task's id."""
    task_id: str = async_task(task, *args)
    nudge_on_commit(QUEUE)
    return task_id


def count_waiting() -> int:
    """Return how many tasks wait or run."""
    waiting: int = OrmQ.objects.count()
    return waiting


def forget_old_tasks(days: int) -> int:
    """Delete records of tasks that ended so long ago; return how many."""
    count: int = Task.objects.filter(stopped__lt=timezone.now() - timedelta(days=days)).delete()[0]
    return count


class NudgeBroker(ORM):  # type: ignore[misc]
    """The database broker, woken by a nudge instead of its next poll, and with a canary of its own.

    The canary is a task that is not in the database: it shows that this very cluster still takes tasks to a worker.
    """

    _socket: QueueSocket | None = None
    _canary_at = 0.0

    def dequeue(self) -> list[tuple[int | None, str]] | None:
        """Return the next tasks; wait a little when there are none. An unreachable database is no reason to end."""
        if _closing.value:
            time.sleep(Conf.POLL)
            return None
        if time.monotonic() >= self._canary_at:
            self._canary_at = time.monotonic() + CANARY_SECONDS
            return [(None, _canary_package())]
        try:
            tasks: list[tuple[int | None, str]] | None = self._dequeue_now()
        except Error as error:
            logger.warning("the queue cannot be read: %s", error)
            connections.close_all()
            time.sleep(ERROR_SECONDS)
            return None
        if not tasks:
            self._wait(Conf.POLL)
        return tasks

    def delete(self, task_id: int) -> None:
        """Take a task out that has run. An unreachable database is waited for, and no reason to end."""
        deadline = time.monotonic() + DELETE_SECONDS
        while True:
            try:
                super().delete(task_id)
                return
            except Error as error:
                logger.warning("task %s cannot be taken out of the queue: %s", task_id, error)
                connections.close_all()
            if _closing.value or time.monotonic() >= deadline:
                return
            time.sleep(ERROR_SECONDS)

    def _dequeue_now(self) -> list[tuple[int | None, str]]:
        now = timezone.now()
        rows = self.get_connection().filter(key=self.list_key, lock__lt=now).order_by("pk")[: Conf.BULK]
        return [
            (row.pk, row.payload)
            for row in rows
            if self.get_connection().filter(pk=row.pk, lock=row.lock).update(lock=self.timeout(row))
        ]

    def _wait(self, seconds: float) -> None:
        try:
            if self._socket is None:
                self._socket = QueueSocket()
                Finalize(self, self._socket.close, exitpriority=1)
            self._socket.wait(seconds)
        except OSError:
            time.sleep(seconds)


def _canary_package() -> str:
    package: str = SignedPackage.dumps(
        {
            "id": "canary",
            "name": "canary",
            "func": "clawsite.core.queue.sing",
            "args": (),
            "kwargs": {},
            "started": timezone.now(),
            "save": False,
        }
    )
    return package


def sing() -> None:
    """Do nothing: that it runs is the sign of life."""


class Workers:
    """A running cluster: its processes and its signs of life. Started by a process that has no threads yet."""

    def __init__(self, *, on_fork: Callable[[], None]) -> None:
        self._sign = settings.RUN_DIR / f"canary.{os.getpid()}"
        self._sign.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        _remove_left_over_signs(self._sign.parent)
        self._sign.touch()
        self._offset = Offset()
        _connect_sign(self._sign)
        connections.close_all()
        os.register_at_fork(after_in_child=on_fork)
        self._cluster = Cluster()
        self._cluster.start()
        # Not what those have forked meanwhile: waiting tasks begin at once, and their processes end as they should.
        sentinel = psutil.Process(self._cluster.sentinel.pid)
        self._processes = [sentinel, *sentinel.children()]

    def find_fault(self) -> str:
        """Return what is wrong with the cluster, or "". A cluster with a fault cannot be repaired, only replaced."""
        gone = [process.pid for process in self._processes if not _runs(process)]
        if gone:
            return f"process {gone[0]} of the cluster is gone"
        silence = self.silence()
        return f"no task has run for {silence:.0f} s" if silence > SILENCE_SECONDS else ""

    def silence(self) -> float:
        """Return the seconds since the last sign of life; since a jump of the clock, when that was later."""
        if self._offset.moved():
            self._sign.touch()
        try:
            return max(0.0, time.time() - self._sign.stat().st_mtime)
        except FileNotFoundError:
            return 0.0

    def memory(self) -> int:
        """Return the resident bytes of the cluster's processes; pages shared by them count several times."""
        total = 0
        for process in self._processes:
            with suppress(psutil.Error):
                total += process.memory_info().rss
        return total

    def _find_forked(self) -> list[psutil.Process]:
        """Return the processes that tasks have forked and that lead a session of their own."""
        own = {process.pid for process in self._processes}
        return [
            process
            for process in psutil.Process().children(recursive=True)
            if process.pid not in own and _leads_session(process.pid)
        ]

    def stop(self, *, drain_seconds: float) -> None:
        """Take nothing new, let what tasks have forked put its work away, then end the cluster. Blocks."""
        _closing.value = 1
        forked = self._find_forked()
        for process in forked:
            with suppress(psutil.Error):
                process.terminate()
        psutil.wait_procs(forked, timeout=drain_seconds)
        self._cluster.stop()
        self._sign.unlink(missing_ok=True)


def _remove_left_over_signs(directory: Path) -> None:
    for path in directory.glob("canary.*"):
        if not psutil.pid_exists(int(path.suffix[1:])):
            path.unlink(missing_ok=True)


def _leads_session(pid: int) -> bool:
    try:
        return os.getsid(pid) == pid
    except OSError:
        return False


def _runs(process: psutil.Process) -> bool:
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def _connect_sign(sign: Path) -> None:
    """Have each task of the processes forked from here touch the file when it begins and when it ends."""

    def touch(**_: object) -> None:
        with suppress(OSError):
            sign.touch()

    pre_execute.connect(touch, weak=False, dispatch_uid="claw-canary-begin")
    post_execute_in_worker.connect(touch, weak=False, dispatch_uid="claw-canary-end")
