"""How long it takes until those who listen hear something: an answer, the events of a job, a job's first line."""

from __future__ import annotations

import selectors
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import msgspec

from tests.bench.callers import PATIENCE, Caller, request
from tests.bench.gateways import Figures, Server

TURNS, JOBS = 12, 40
EVENTS, PAUSE_SECONDS = 80, 0.05
SELFTEST = "selftest"


def hear(callers: Sequence[Caller], take: Callable[[bytes, float], bool]) -> list[float]:
    """Read from all of them until each has got a frame that is taken for the last; return when each had it."""
    heard: dict[Caller, float] = {}
    end = time.perf_counter() + PATIENCE
    with selectors.DefaultSelector() as selector:
        for caller in callers:
            selector.register(caller.socket, selectors.EVENT_READ, caller)
        while len(heard) < len(callers):
            if time.perf_counter() > end:
                raise TimeoutError(f"only {len(heard)} of {len(callers)} have heard it")
            for key, _ in selector.select(1.0):
                _read(key.data, take, heard)
    return [heard[caller] for caller in callers]


def _read(caller: Caller, take: Callable[[bytes, float], bool], heard: dict[Caller, float]) -> None:
    caller.receive()
    now = time.perf_counter()
    # A list: every frame is looked at, also behind the last one.
    if any([take(payload, now) for payload in caller.frames()]):  # noqa: C419
        heard.setdefault(caller, now)


def measure_turns(server: Server, figures: Figures, *, key: str, listeners: Sequence[int]) -> None:
    """From a message to the end of its answer, at the last of so many connections that follow the session."""
    for count in listeners:
        callers = server.callers(count)
        for caller in callers:
            caller.call("sessions.messages.subscribe", {"key": key})
        figures.turns[count] = [_turn(callers, key, f"listen-{count}-{number}") for number in range(TURNS)]
        _close(callers)


def _turn(callers: Sequence[Caller], key: str, run: str) -> float:
    params = {"sessionKey": key, "message": f"question {run}", "idempotencyKey": run}
    name = f'"{run}"'.encode()
    begin = time.perf_counter()
    callers[0].socket.sendall(request(run, "chat.send", params))
    return max(hear(callers, lambda payload, _: b'"state":"final"' in payload and name in payload)) - begin


def measure_first_lines(server: Server, figures: Figures) -> None:
    """From jobs.start to the arrival of the job's first line, one job after the other."""
    (caller,) = server.callers(1)
    for _ in range(JOBS):
        job = _make_job(caller, events=1, pause=0)
        caller.call("jobs.subscribe", {"id": job})
        begin = time.perf_counter()
        caller.socket.sendall(request("start", "jobs.start", {"id": job}))
        (at,) = hear([caller], lambda payload, _: b'"kind":"line"' in payload)
        figures.first_lines.append(at - begin)
        caller.call("jobs.result", {"id": job, "timeoutMs": 10_000})
    caller.close()


def measure_events(server: Server, figures: Figures, *, listeners: Sequence[int]) -> None:
    """From the moment that a job's event has in its row to its arrival, at each of so many subscribers."""
    for count in listeners:
        callers = server.callers(count)
        job = _make_job(callers[0], events=EVENTS, pause=PAUSE_SECONDS)
        for caller in callers:
            caller.call("jobs.subscribe", {"id": job})
        callers[0].socket.sendall(request("start", "jobs.start", {"id": job}))
        figures.events[count] = list(_delays(callers))
        _close(callers)


def _delays(callers: Sequence[Caller]) -> Iterator[float]:
    """Read the events of a job to its end and yield how late each line was, at each caller."""
    found: list[float] = []
    apart = time.time() - time.perf_counter()

    def take(payload: bytes, now: float) -> bool:
        event: dict[str, Any] = msgspec.json.decode(payload)
        if event.get("event") != "job":
            return False
        if event["payload"]["kind"] == "line":
            found.append(now + apart - event["payload"]["ts"] / 1000)
        return bool(event["payload"]["kind"] == "end")

    hear(callers, take)
    assert len(found) == EVENTS * len(callers)
    yield from found


def _make_job(caller: Caller, *, events: int, pause: float) -> str:
    params = {"events": events, "pause": pause}
    answer = caller.call("jobs.create", {"kind": SELFTEST, "start": False, "params": params})
    return str(answer["job"]["id"])


def _close(callers: Sequence[Caller]) -> None:
    for caller in callers:
        caller.close()
