"""A dispatcher in the process of the test, and scripted gateways for it to send jobs to.

`FarGateway` leaves a started job running until the test says what happens in it.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from clawsite.core.db import run_db
from clawsite.core.models import Process
from clawsite.core.nudge import NudgeListener
from clawsite.core.process import end_process, register_process
from runbooks import jobs
from runbooks.dispatch.loop import keep_dispatching
from runbooks.models import GatewayTarget, Job
from runbooks.targets.checking import NUDGE
from tests.runbooks.people import BOB
from tests.servers.gateway import GatewayEmulator
from tests.servers.gateway.connection import Connection
from tests.servers.gateway.jobs import EmulatedJob

TOKEN = "claw_right_token"


class FarGateway(GatewayEmulator):
    """Jobs here begin when started and end when told or cancelled; everything outlives a restart."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.results: dict[str, Any] = {}
        own = {"jobs.start": _start, "jobs.cancel": _cancel, "jobs.result": _result}
        self.methods |= own

    @property
    def all_jobs(self) -> list[EmulatedJob]:
        """Every job there is, oldest first."""
        return list(self.jobs.by_id.values())


async def _start(connection: Connection, params: dict[str, Any], request_id: str) -> Any:
    job = connection.gateway.jobs.by_id[params["id"]]
    if job.state == "created":
        job.state = "running"
        job.emit("state", {"state": "queued"})
        job.emit("state", {"state": "running", "attempt": 1})
    return {"job": job.describe()}


async def _cancel(connection: Connection, params: dict[str, Any], request_id: str) -> Any:
    job = connection.gateway.jobs.by_id[params["id"]]
    if job.state in ("created", "running"):
        job.end("cancelled")
    return {"job": job.describe(), "cancelled": True}


async def _result(connection: Connection, params: dict[str, Any], request_id: str) -> Any:
    gateway = connection.gateway
    assert isinstance(gateway, FarGateway)
    job = gateway.jobs.by_id[params["id"]]
    return {"job": job.describe(), "done": True, "result": gateway.results.get(job.id, {"made": "there"})}


@contextlib.asynccontextmanager
async def dispatching(*, host: str = "") -> AsyncIterator[asyncio.Task[None]]:
    """Dispatch as a worker does, until the end of the block; as a worker of another machine when one is named."""
    process = await run_db(lambda: _register(host))
    async with NudgeListener("worker") as listener:
        task = asyncio.create_task(keep_dispatching(process.pk, listener.event(NUDGE)))
        try:
            yield task
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            await run_db(end_process, process.pk)


def _register(host: str) -> Process:
    return Process.objects.create(role="worker", host=host, pid=1, started=1) if host else register_process("worker")


async def add_target(gateway: Any, name: str = "far", **fields: Any) -> GatewayTarget:
    """Make the row of a gateway, or of a proxy before it."""
    url = gateway.url.replace("http://", "ws://")
    return await run_db(lambda: GatewayTarget.objects.create(**{"name": name, "ws_url": url, "token": TOKEN, **fields}))


async def send(kind: str = "far.kind", *, target: str = "far", **options: Any) -> Job:
    """Create and start a job of Bob's for another gateway."""
    where = {"select": options.pop("select")} if "select" in options else {"target": target}
    return await run_db(lambda: jobs.create_job(kind, actor=BOB, start=True, **where, **options))


async def reload(job: Job) -> Job:
    """Return a job as it is now."""
    return await run_db(lambda: Job.objects.get(pk=job.pk))


async def story(job: Job) -> list[tuple[str, Any]]:
    """Return kind and data of a job's events, which have no gap."""
    events = await run_db(jobs.read_events, job)
    assert [event.seq for event in events] == list(range(1, len(events) + 1))
    return [(event.kind, event.data) for event in events]


async def kinds(job: Job) -> list[str]:
    """Return the kinds of a job's events."""
    return [kind for kind, _ in await story(job)]


async def until(check: Callable[[], Any], *, seconds: float = 45.0, what: str = "") -> Any:
    """Poll until a check, which may ask the database, is true; return what it gives."""
    deadline = time.monotonic() + seconds
    while not (value := await run_db(check)):
        if time.monotonic() > deadline:
            pytest.fail(f"not within {seconds} s: {what}")
        await asyncio.sleep(0.01)
    return value


async def wait_state(job: Job, state: str, *, seconds: float = 45.0) -> Job:
    """Wait until a job is in a state."""
    await until(lambda: Job.objects.get(pk=job.pk).state == state, seconds=seconds, what=f"{state} of {job}")
    return await reload(job)
