"""SIGTERM under load: out within 15 seconds with code 0, sockets are told, and the next start goes on from there."""

from __future__ import annotations

import contextlib
import time
from functools import partial
from pathlib import Path

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection

from tests.faults.connected import connected_programs
from tests.faults.gate import TOKEN
from tests.faults.site import Site, open_site
from tests.faults.stack import wait_for
from tests.fixtures.reached import Figure, Reached

STOP_SECONDS = 15.0
# What a stop leaves unanswered is answered in so long; each of them adds to it.
ANSWERED_SECONDS = 15.0
STOPS, MANY_STOPS = 2, 20
SOCKETS = 5
RESTARTS = 1012


def has_answered(site: Site, count: int) -> bool:
    """Tell whether so many messages have their answer."""
    return site.people.ledger().answered >= count


@pytest.mark.faults
def test_stops_under_load_lose_and_repeat_nothing(tmp_path: Path, reached: Reached) -> None:
    reached(16, f"{STOPS} stops", *stop_and_start(tmp_path, times=STOPS))


@pytest.mark.soak
@pytest.mark.timeout(900)
def test_twenty_stops_under_load_lose_and_repeat_nothing(tmp_path: Path, reached: Reached) -> None:
    reached(16, f"{MANY_STOPS} stops", *stop_and_start(tmp_path, times=MANY_STOPS))


def end_of(socket: ClientConnection) -> int | None:
    """Read to the end of a socket and return the code that the server closed it with."""
    with contextlib.suppress(ConnectionClosed):
        while True:
            socket.recv(10)
    return socket.close_code


def stop(site: Site) -> float:
    """Stop it as a service manager does, with programs connected, who are all told; return how long that took."""
    with connected_programs(site.stack, many=SOCKETS) as connected:
        begun = time.monotonic()
        assert site.stack.stop() == 0, site.stack.tail()
        took = time.monotonic() - begun
        assert [end_of(socket) for socket in connected] == [RESTARTS] * SOCKETS
    return took


def stop_and_start(folder: Path, *, times: int) -> list[Figure]:
    """Stop in the middle of answers and start again, so many times; then look at what became of every message."""
    slowest = 0.0
    with open_site(folder / "home", people=8, CLAW_GATEWAY_TOKEN=TOKEN) as site:
        site.model.set_default(deltas=10, pause=0.03)
        for _ in range(times):
            answered = site.people.ledger().answered
            site.people.write(each=5)
            wait_for(partial(has_answered, site, answered + 5), timeout=60, what="load")
            slowest = max(slowest, stop(site))
            assert slowest <= STOP_SECONDS
            site.people.write()
            site.stack.start()
            site.stack.wait_ready()
        site.people.wait_answered(timeout=ANSWERED_SECONDS * times)
        wait_for(lambda: site.store.waiting() == 0, timeout=60, what="nothing waits")
        site.people.check()
        assert site.store.is_whole()
        return [
            Figure("slowest", slowest, "s", STOP_SECONDS),
            Figure(f"sockets told ({RESTARTS})", times * SOCKETS),
            Figure("messages", sum(site.people.sent.values())),
            Figure("lost", 0),
            Figure("sent twice", 0),
        ]
