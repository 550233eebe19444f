"""More is asked than can be answered: the good answers do not become fewer, and nobody is refused in a storm."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import time
from collections.abc import Iterator

import pytest

from tests.faults.gate import TOKEN, Gate, running_gate
from tests.faults.rawsocket import TEXT, RawSocket, raw_socket

CONNECTIONS = 50
LIGHT, HEAVY = 4, 32
# The first second is not counted: what is in flight is taken in then, and nothing is given for it yet.
FILL_SECONDS, SECONDS, ROUNDS = 1.0, 2.0, 4
LEAST_SHARE = 0.9


@pytest.fixture(scope="module")
def gate(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gate]:
    with running_gate(tmp_path_factory.mktemp("overload") / "home") as running:
        yield running


def request(number: int, method: bytes) -> tuple[int, bytes]:
    """Return a request as a frame."""
    return TEXT, b'{"type":"req","id":"%d","method":"%b","params":{}}' % (number, method)


async def ask(socket: RawSocket, method: bytes, in_flight: int, end: float) -> tuple[int, int]:
    """Keep so many requests in flight; return how many were answered well, and how many were not, until the end."""
    numbers, good, bad = itertools.count(1), 0, 0
    begin = end - SECONDS
    socket.write(*(request(next(numbers), method) for _ in range(in_flight)))
    while time.monotonic() < end and socket.code is None:
        answers = [answer for answer in await socket.read_some() if answer.startswith(b'{"type":"res"')]
        well = sum(b'"ok":true' in answer[:60] for answer in answers)
        good, bad = good + (well if time.monotonic() >= begin else 0), bad + len(answers) - well
        socket.write(*(request(next(numbers), method) for _ in answers))
    assert socket.code is None
    return good, bad


async def measure(gate: Gate, method: bytes, in_flight: int) -> float:
    """Return good answers per second over 50 connections; none may be refused."""
    async with contextlib.AsyncExitStack() as stack:
        sockets = [await stack.enter_async_context(raw_socket(gate.port)) for _ in range(CONNECTIONS)]
        await asyncio.gather(*(socket.connect(TOKEN) for socket in sockets))
        end = time.monotonic() + FILL_SECONDS + SECONDS
        counted = await asyncio.gather(*(ask(socket, method, in_flight, end) for socket in sockets))
    assert not sum(bad for _, bad in counted)
    return sum(good for good, _ in counted) / SECONDS


@pytest.mark.faults
@pytest.mark.alone
@pytest.mark.parametrize("method", [b"health", b"jobs.list"], ids=bytes.decode)
async def test_under_overload_there_are_as_many_good_answers_as_ever(gate: Gate, method: bytes) -> None:
    """One method is answered from memory, the other from the database. What disturbs the machine costs a round."""
    rounds = []
    for _ in range(ROUNDS):
        rounds.append((await measure(gate, method, LIGHT), await measure(gate, method, HEAVY)))
        if rounds[-1][1] >= LEAST_SHARE * rounds[-1][0]:
            return
    pytest.fail(f"good answers per second with {LIGHT} and with {HEAVY} in flight: {rounds}")
