"""Where a task of the queue becomes a running job: a process of its own, forked from the worker that got the id.

The queue's workers only fork, which takes milliseconds, so their time limit and redeliveries touch no job. A job's
process dies with the worker that forked it, leads a session (what it started dies with it), and is a row of its own,
so what it held is free as soon as it is dead.
"""

from __future__ import annotations

import gc
import logging
import os
import random
import signal
import sys
import threading
import traceback
from collections.abc import Callable
from contextlib import suppress

from django.conf import settings
from django.db import connections
from django.utils import timezone

from clawsite.core.metrics import fold_own, write_lines
from clawsite.core.nudge import nudge
from clawsite.core.tracing import flush
from runbooks.jobs.working import Signals
from runbooks.models import Job
from runbooks.runner import perform

logger = logging.getLogger(__name__)

# The processes this worker has forked and that still run.
_running: set[int] = set()


def run_job(job_id: int) -> None:
    """Start the job in a process of its own if it waits to be run; the task of the queue. Safe to call twice."""
    waiting = Job.objects.here().filter(pk=job_id, state=Job.State.QUEUED, not_before__lte=timezone.now())
    if not waiting.exists():
        return
    if len(_running) >= slots():
        waiting.update(sent_at=None)  # the reaper tells a worker when there is room
        return
    connections.close_all()  # a connection must not be in two processes, not even unused
    pid = _fork(lambda signals: perform(job_id, signals=signals))
    _running.add(pid)
    threading.Thread(target=_bury, args=[pid], name=f"claw-job-{pid}", daemon=True).start()


def slots() -> int:
    """Return how many jobs one worker of the queue runs at once."""
    return -(-settings.CLAW_JOBS // settings.CLAW_WORKERS)


def _bury(pid: int) -> None:
    """Wait for the end of a job's process, end what it left behind, and say that there is room. Asks no database."""
    with suppress(ChildProcessError):
        os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(pid, signal.SIGKILL)  # before it is collected: until then its number cannot be used again
        os.waitpid(pid, 0)
    _running.discard(pid)
    nudge("runner")


def _fork(work: Callable[[Signals], object]) -> int:
    sys.stdout.flush()
    sys.stderr.flush()
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        work(_become_runner())
        code = 0
    except BaseException:  # the child must never return into the worker's code
        logger.critical("%s", traceback.format_exc())
    finally:
        with suppress(BaseException):
            connections.close_all()
            write_lines()
            fold_own()
            flush()
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)


def _become_runner() -> Signals:
    """Lead a session, forget what the worker was, and stop gracefully when told to."""
    os.setsid()
    signals = Signals()

    def stop(*_: object) -> None:
        signals.stopping = True

    signal.set_wakeup_fd(-1)
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGALRM, signal.SIGCHLD):
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGTERM, stop)
    _running.clear()
    random.seed()
    gc.enable()
    return signals
