"""Who comes how often: the pile of silent sockets, connections by address, and wrong tokens."""

from __future__ import annotations

import json
import time

import pytest
from django.test import override_settings

from clawsite.gateway import limits
from clawsite.gateway.limits import FIRST_DELAY, LONGEST_DELAY, MOST_FAILURES, Attempts, Doors
from clawsite.gateway.pace import MOST_OVER_RATE, MOST_REFUSED, Pace
from tests.clawsite.gateway.seat import Gateway, Refused

TRIES = 20


class Caller:
    """What doors need to know of a socket."""

    def __init__(self, address: str = "192.0.2.1", *, local: bool = False) -> None:
        self.address, self.local, self.dropped = address, local, False

    def drop(self) -> None:
        self.dropped = True


@override_settings(CLAW_GATEWAY_OPENING=3)
def test_the_oldest_silent_socket_makes_room_for_a_new_one() -> None:
    doors = Doors()
    callers = [Caller() for _ in range(5)]
    other = Caller("192.0.2.2")
    doors.open(other)
    for caller in callers:
        doors.open(caller)
    assert [caller.dropped for caller in callers] == [True, True, False, False, False]
    assert not other.dropped
    assert doors.unknown() == [other, *callers[2:]]
    for caller in [*callers, other]:
        doors.settle(caller)
        doors.settle(caller)
    assert doors.unknown() == []


def test_there_is_a_bound_over_all_addresses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MOST_UNKNOWN", 4)
    doors = Doors()
    callers = [Caller(f"192.0.2.{number}") for number in range(6)]
    for caller in callers:
        doors.open(caller)
    assert [caller.dropped for caller in callers] == [True, True, False, False, False, False]


@override_settings(CLAW_GATEWAY_CONNECTIONS=2)
def test_one_address_has_so_many_connections_and_this_machine_many_more() -> None:
    doors = Doors()
    callers = [Caller() for _ in range(3)]
    assert [doors.enter(caller) for caller in callers] == [True, True, False]
    doors.leave(callers[0])
    assert doors.enter(callers[2])
    assert all(doors.enter(Caller("127.0.0.1", local=True)) for _ in range(50))


def test_wrong_tokens_are_answered_later_and_later_and_then_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [1000.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    attempts = Attempts()
    answers = [attempts.fail("a", local=False) for _ in range(MOST_FAILURES + 1)]
    assert [delay for delay, _ in answers[:6]] == [FIRST_DELAY, 0.5, 1.0, 2.0, 4.0, LONGEST_DELAY]
    assert [refused for _, refused in answers] == [0.0] * MOST_FAILURES + [300.0]
    assert attempts.is_blocked("a")
    assert attempts.fail("b", local=False) == (FIRST_DELAY, 0.0)
    now[0] += 301
    assert not attempts.is_blocked("a")
    assert attempts.fail("a", local=False) == (FIRST_DELAY, 0.0)


@override_settings(CLAW_GATEWAY_CONNECTIONS=2, CLAW_GATEWAY_OPENING=2)
def test_who_has_many_addresses_of_one_network_of_ipv6_is_counted_as_one() -> None:
    attempts, doors = Attempts(), Doors()
    callers = [Caller(f"2001:db8::{number:x}:1") for number in range(MOST_FAILURES + 1)]
    for caller in callers:
        attempts.fail(caller.address, local=False)
        doors.open(caller)
    assert attempts.is_blocked("2001:db8::ffff")
    assert not attempts.is_blocked("2001:db8:0:1::1")
    assert [caller.dropped for caller in callers[-3:]] == [True, False, False]
    assert [doors.enter(caller) for caller in callers[:3]] == [True, True, False]
    doors.leave(callers[5])
    assert doors.enter(callers[3])
    for caller in callers:
        doors.settle(caller)
    assert not doors._unknown_of


def test_this_machine_is_delayed_and_never_refused() -> None:
    attempts = Attempts()
    for _ in range(50):
        assert attempts.fail("127.0.0.1", local=True)[1] == 0.0


def test_what_is_remembered_of_addresses_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MOST_ADDRESSES", 10)
    attempts = Attempts()
    for number in range(50):
        attempts.fail(f"192.0.2.{number}", local=False)
    assert len(attempts._records) == 10


async def test_a_right_token_is_never_delayed(standing: Gateway) -> None:
    """Wrong ones from the same address before it make no difference."""
    for _ in range(3):
        with pytest.raises(Refused, match="mismatch"):
            async with standing.client("wrong"):
                pass
    times = [await enter(standing)]
    while len(times) < TRIES and min(times) >= FIRST_DELAY:  # the machine may be slow; a delay is there every time
        times.append(await enter(standing))
    assert min(times) < FIRST_DELAY


async def enter(gateway: Gateway) -> float:
    """Connect and be answered; return how long that took."""
    begin = time.monotonic()
    async with gateway.client() as alice:
        assert await alice.call("ping")
        return time.monotonic() - begin


def test_who_is_told_to_wait_and_goes_on_asking_is_not_heard_for_a_moment() -> None:
    pace = Pace(1_000_000)
    held = []
    for _ in range(MOST_REFUSED + 1):
        pace.refuse()
        held.append(pace.is_held)
    assert held == [False] * MOST_REFUSED + [True]
    pace.look()
    assert not pace.is_held


def test_who_asks_on_over_the_rate_is_abusing_it() -> None:
    pace = Pace(1)
    assert [pace.take() for _ in range(3)] == [True, True, False]
    for _ in range(MOST_OVER_RATE):
        pace.take()
    assert pace.is_abuse


async def test_a_flood_of_requests_holds_up_nobody_else_and_is_answered_to_the_last(standing: Gateway) -> None:
    async with standing.client() as charlie, standing.client(await standing.make_token()) as bob:
        for number in range(5000):
            params = {"search": f"{number}"}
            frame = {"type": "req", "id": f"{number}", "method": "sessions.list", "params": params}
            await charlie.socket.send(json.dumps(frame))
        for number in range(5):
            assert (await bob.call("sessions.describe", key=f"k{number}", timeout=5))["session"] is None
        answered = 0
        while answered < 5000:
            answered += (await charlie.read(timeout=30))["type"] == "res"
        assert len(charlie.responses) == 5000 + 1
        assert await charlie.call("ping")
