"""A client that stops reading while 300 MB are due costs little, holds nobody up, and gets the rest when it goes on."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.faults.bystander import Bystander
from tests.faults.gate import TOKEN, Gate, running_gate
from tests.faults.rawsocket import TEXT, RawSocket, raw_socket
from tests.fixtures.reached import Figure, Reached

EVENTS, EVENT_BYTES = 5000, 60_000
READ_FIRST = 20
UNREAD_SECONDS = 4.0
DUE_BYTES = EVENTS * EVENT_BYTES
SESSIONS = 200
MIB = 1024 * 1024
MOST_COST = 20 * MIB
MOST_P99 = 0.5
FILL = """
from django.utils import timezone
from runbooks.models import Job, JobEvent
from sessions_app.models import Channel, Session
whose = dict(owner="env", requested_by="env")
job = Job.objects.create(kind="selftest", state="succeeded", last_seq={events} + 1, ended_at=timezone.now(), **whose)
channel = Channel.objects.filter(kind="gateway").first() or Channel.objects.create(kind="gateway", name="gateway")
Session.objects.bulk_create(
    Session(channel=channel, chat_id=f"env/agent:main:{{n}}", kind="direct", title="x" * 100) for n in range({sessions})
)
data = dict(text="." * {size})
for first in range(1, {events} + 1, 500):
    JobEvent.objects.bulk_create(JobEvent(job=job, seq=first + n, kind="line", data=data) for n in range(500))
JobEvent.objects.create(job=job, seq={events} + 1, kind="end", data=dict(state="succeeded"))
print("job", job.key)
"""
pytestmark = [pytest.mark.faults, pytest.mark.timeout(180)]


@pytest.fixture(scope="module")
def gate(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gate]:
    with running_gate(tmp_path_factory.mktemp("slow") / "home") as running:
        yield running


@pytest.fixture(scope="module")
def job(gate: Gate) -> str:
    """A job with 300 MB of events."""
    done = gate.manage("shell", "-c", FILL.format(events=EVENTS, size=EVENT_BYTES, sessions=SESSIONS))
    assert done.returncode == 0, done.stderr
    return done.stdout.rpartition("job ")[2].strip()


def request(name: str, method: str, **params: Any) -> tuple[int, bytes]:
    """Return a request as a frame."""
    return TEXT, json.dumps({"type": "req", "id": name, "method": method, "params": params}).encode()


def numbers(payloads: list[bytes]) -> list[int]:
    """Return the numbers of the events of jobs."""
    return [json.loads(payload)["payload"]["seq"] for payload in payloads if b'"event":"job"' in payload[:40]]


def is_whole(seen: list[int]) -> bool:
    """Tell whether every event came once and in order."""
    return seen == list(range(1, EVENTS + 2))


async def peak_growth(gate: Gate, before: int) -> int:
    """Watch the memory of the web process for some seconds and return by how much it grew at most."""
    end, most = time.monotonic() + UNREAD_SECONDS, 0
    while time.monotonic() < end:
        most = max(most, await asyncio.to_thread(gate.memory) - before)
        await asyncio.sleep(0.05)
    return most


async def begin(gate: Gate, socket: RawSocket, job: str, after: int = 0) -> list[int]:
    """Subscribe, read a few events and return their numbers."""
    await socket.connect(TOKEN)
    socket.write(request("s", "jobs.subscribe", id=job, afterSeq=after))
    return numbers(await socket.read_until(b'"seq":%d,' % (after + READ_FIRST)))


async def test_who_stops_reading_events_costs_little_and_gets_the_rest_once(
    gate: Gate, job: str, reached: Reached
) -> None:
    async with raw_socket(gate.port) as quick:
        await begin(gate, quick, job, after=EVENTS - READ_FIRST)
    before = gate.memory()
    with Bystander(gate) as bystander:
        async with raw_socket(gate.port) as patient, raw_socket(gate.port) as hasty:
            seen = await begin(gate, patient, job)
            resumed = await begin(gate, hasty, job)
            cost = await peak_growth(gate, before)
            seen += numbers(await patient.read_until(b'"kind":"end"'))
        async with gate.client() as client:
            resumed += [event.seq async for event in client.subscribe(job, after_seq=resumed[-1])]
    assert is_whole(seen)
    assert is_whole(resumed)
    assert cost < MOST_COST
    assert bystander.p99() < MOST_P99
    reached(
        9,
        f"two stop reading {DUE_BYTES // 10**6} MB",
        Figure("memory grew by", cost / MIB, "MiB", MOST_COST // MIB),
        Figure("events missed or doubled", 0),
        Figure("99 % of a bystander's answers within", bystander.p99(), "s", MOST_P99),
    )


async def test_who_stops_reading_answers_costs_little_and_is_answered_each_request(gate: Gate, job: str) -> None:
    async with gate.caller() as caller:
        large = len(json.dumps(await caller.call("sessions.list", limit=SESSIONS)))
    asked = DUE_BYTES // large
    before = gate.memory()
    # Somebody else keeps the list in memory; else most of these requests would be too many at once, and be refused.
    with Bystander(gate, "sessions.list", limit=SESSIONS) as bystander:
        async with raw_socket(gate.port) as socket:
            await socket.connect(TOKEN)
            socket.write(*(request(f"r{number}", "sessions.list", limit=SESSIONS) for number in range(asked)))
            cost = await peak_growth(gate, before)
            socket.write(request("last", "ping"))
            answers = [
                answer for answer in await socket.read_until(b'"id":"last"') if answer.startswith(b'{"type":"res"')
            ]
    good = [answer for answer in answers if b'"ok":true' in answer[:60]]
    assert len({answer.split(b'"', 8)[7] for answer in answers}) == len(answers) == asked + 1
    assert len(good) > 0.9 * asked
    assert cost < MOST_COST
    assert bystander.p99() < MOST_P99
