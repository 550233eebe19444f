"""Jobs whose process is killed: at a call, or when something is so. What a reaper does then is done here.

The process is a real one, forked as a worker does it, and ends by SIGKILL.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from typing import Any

import psutil
from django.db import connections

from clawsite.core.db import close_pool
from clawsite.core.models import Process
from clawsite.core.process import void_dead_local_processes
from runbooks.models import Job
from runbooks.reaper import take_up_left
from runbooks.run import run_job
from tests.clawsite.running import until

SECONDS = 60.0


def die(*_: object, **__: object) -> Any:
    """End this process as the kernel does when memory is short."""
    os.kill(os.getpid(), signal.SIGKILL)


def before(_do: Callable[..., Any]) -> Callable[..., Any]:
    """Return what dies instead of doing it."""
    return die


def after(do: Callable[..., Any]) -> Callable[..., Any]:
    """Return what does it and dies."""

    def run(*args: Any, **options: Any) -> Any:
        do(*args, **options)
        die()

    return run


def kill_it(process: int) -> None:
    """Kill a process."""
    os.kill(process, signal.SIGKILL)


def kill_job(job_id: int, *, when: Callable[[], object] | None = None, how: Callable[[int], object] = kill_it) -> Job:
    """Run a job in a process of its own until that dies, or is killed when something is so; take up what it left."""
    worker = Process.objects.create(role="worker", host="elsewhere", pid=1, started=1)
    close_pool()
    run_job(job_id)
    pid = until(_runner, seconds=SECONDS, what="its process")
    if when is not None:
        until(when, seconds=SECONDS, what="the moment to kill")
        how(pid)
    until(lambda: not psutil.pid_exists(pid), seconds=SECONDS, what="its end")
    void_dead_local_processes()
    take_up_left(worker.pk)
    connections.close_all()
    return Job.objects.get(pk=job_id)


def _runner() -> int | None:
    return Process.objects.filter(role="job").values_list("pid", flat=True).first()
