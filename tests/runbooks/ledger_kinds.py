"""Kinds of job that write into the ledger while they run: repeatable, not repeatable, short and deadly ones."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from typing import Annotated

import msgspec
from msgspec import Meta

from runbooks.books import start_run
from runbooks.jobs import JobContext, JobKind, create_job, register_kind
from runbooks.models import Schedule
from runbooks.schedules import save_schedule
from tests.runbooks.books.making import ECHO, saved, step
from tests.runbooks.ledger import BEAT_SECONDS, write
from tests.runbooks.people import BOB


class Params(msgspec.Struct):
    """Where the ledger is, how long the job takes, whether it listens meanwhile, and whether it starts a program."""

    ledger: str
    seconds: Annotated[float, Meta(ge=0)] = 1.0
    deaf: bool = False
    child: bool = False


def run(ctx: JobContext) -> str:
    """Run for a while and write it down every few milliseconds."""
    given = msgspec.convert(ctx.params, Params)
    child = subprocess.Popen(["sleep", "600"]) if given.child else None
    end = time.monotonic() + given.seconds
    write(given.ledger, ctx.key, "begin")
    ctx.emit("line", {"pid": os.getpid()})
    while time.monotonic() < end:
        write(given.ledger, ctx.key, "runs")
        time.sleep(BEAT_SECONDS)
        if not given.deaf:
            ctx.check()
    write(given.ledger, ctx.key, "done")
    if child is not None:
        child.kill()
        child.wait()
    return "done"


def die(ctx: JobContext) -> None:
    """Write it down and kill this process."""
    write(ctx.params["ledger"], ctx.key, "begin")
    os.kill(os.getpid(), signal.SIGKILL)


def register() -> None:
    """Add the kinds."""
    register_kind(JobKind(name="ledger-deadly", run=die, description="For tests.", params=Params))
    for name, repeatable, seconds in (("ledger", True, 600), ("ledger-once", False, 600), ("ledger-short", True, 2)):
        register_kind(
            JobKind(name=name, run=run, description="For tests.", repeatable=repeatable, seconds=seconds, params=Params)
        )


def create_ordered() -> None:
    """Create and start the jobs that are ordered on standard input; print their keys."""
    for kind, params, count in json.load(sys.stdin):
        for _ in range(count):
            print(create_job(kind, params=params, actor=BOB, start=True).key)


def add_schedules() -> None:
    """Add one schedule that is due every second, and one that somebody broke in the database."""
    every = {"kind": "selftest", "params": {"events": 0}, "when": "every", "every_seconds": 1}
    for name in ("bad", "good"):
        save_schedule(Schedule(name=name, **every), actor=BOB)
    Schedule.objects.filter(name="bad").update(when="cron", cron="* *")


def remove_schedules() -> None:
    """Remove them."""
    Schedule.objects.all().delete()


def run_book() -> None:
    """Start a runbook whose one step writes a line into the file given on standard input and stays; print its job."""
    path = sys.stdin.read().strip()
    work = f"echo x >> {path}; sleep 60"
    made = saved(step("command", argv=["sh", "-c", work], host=["sh"]), ECHO | {"host": ["echo"]})
    print(start_run(made.name, {}, actor=BOB).job.key)


COMMANDS = {"book": run_book, "order": create_ordered, "schedules": add_schedules, "unschedule": remove_schedules}
