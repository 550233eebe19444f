"""The example system tells what happens in it, misbehaves when told, and is healed by what operators have."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest

from tests.servers.control import ControlError
from tests.servers.guardian import GuardianControl, GuardianServer
from tests.servers.guardian.exposition import write_metrics
from tests.servers.guardian.world import World


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


def quiet(clock: Clock) -> World:
    return World(clock=clock, noise=0.0)


def read_counters(world: World) -> dict[str, float]:
    lines = [line.rpartition(" ") for line in write_metrics(world).decode().splitlines() if not line.startswith("#")]
    return {name: float(value) for name, _, value in lines}


def test_counters_grow_by_the_rate() -> None:
    clock = Clock()
    world = quiet(clock)
    assert set(read_counters(world).values()) >= {0.0}
    clock.now += 60
    after = read_counters(world)
    total = sum(value for name, value in after.items() if name.startswith("guardian_transactions_total"))
    assert total == pytest.approx(world.per_minute, rel=0.02)
    approved = sum(value for name, value in after.items() if 'outcome="approved"' in name)
    assert 100 * approved / total == pytest.approx(94.2, abs=0.5)


def test_zero_transactions_stop_the_counters_and_cost_uptime() -> None:
    clock = Clock()
    world = quiet(clock)
    world.misbehave("zero")
    before, uptime = read_counters(world), world.uptime
    clock.now += 3600
    after = read_counters(world)
    counters = [name for name in before if "total" in name]
    assert [after[name] for name in counters] == [before[name] for name in counters]
    assert (world.status, after["guardian_healthy"]) == ("unhealthy", 0)
    assert world.uptime < uptime


def test_a_spike_makes_work_wait_until_there_are_more_workers() -> None:
    clock = Clock()
    world = quiet(clock)
    world.misbehave("spike")
    clock.now += 60
    world.advance()
    assert world.backlog > 3000
    assert world.per_minute == 2700
    world.scale(8)
    clock.now += 900
    world.advance()
    assert world.backlog == 0


def test_a_failing_merchant_alone_fails() -> None:
    world = quiet(Clock())
    world.misbehave("merchant", "acme")
    assert world.shares("acme")["failed"] == 0.6
    assert world.shares("xyz")["failed"] < 0.01
    assert 70 < world.approval < 80


def test_an_empty_cache_makes_it_fast_and_a_restart_heals_everything() -> None:
    clock = Clock()
    world = quiet(clock)
    for trouble in ("zero", "spike", "slow", "merchant"):
        world.misbehave(trouble)
    assert world.anomalies() == 4
    assert world.latency > 1
    assert world.clear_cache() > 0
    assert world.latency < 1
    world.restart(5)
    assert (world.status, world.per_minute) == ("starting", 0)
    clock.now += 5
    assert (world.status, world.troubles) == ("healthy", {})


def test_nonsense_is_refused() -> None:
    world = quiet(Clock())
    for wrong in (("nothing", "xyz"), ("merchant", "nobody")):
        with pytest.raises(ValueError, match="one of"):
            world.misbehave(*wrong)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="workers"):
        world.scale(0)


@pytest.fixture
def guardian() -> Iterator[GuardianServer]:
    """A server that wants a token."""
    with GuardianServer(token="t").running() as server:
        yield server


def ask(url: str, *, body: Any = None, method: str = "GET", token: str = "t") -> tuple[int, Any]:
    """Ask and return status and JSON."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Authorization": f"Bearer {token}"}, method=method)  # noqa: S310 - loopback
    try:
        with urllib.request.urlopen(request, timeout=5) as answer:  # noqa: S310 - loopback
            return answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.loads(error.read())


def test_what_operators_have(guardian: GuardianServer) -> None:
    assert ask(f"{guardian.url}/health") == (200, {"status": "healthy", "uptime": "99.97%"})
    guardian.misbehave("zero")
    assert ask(f"{guardian.url}/health")[0] == 503
    assert ask(f"{guardian.url}/restart", method="POST") == (202, {"restarted": True})
    assert ask(f"{guardian.url}/health")[0] == 200
    assert ask(f"{guardian.url}/workers", method="POST", body={"count": 5}) == (200, {"count": 5})
    assert ask(f"{guardian.url}/workers", method="POST", body={"count": "many"})[0] == 400
    assert ask(f"{guardian.url}/cache/clear", method="POST")[1]["removed"] > 0
    assert ask(f"{guardian.url}/cache") == (200, {"entries": 0})
    assert ask(f"{guardian.url}/elsewhere")[0] == 404


def test_charlie_without_the_token_is_refused(guardian: GuardianServer) -> None:
    for path in ("/health", "/stats", "/metrics"):
        assert ask(f"{guardian.url}{path}", token="other")[0] == 401
    assert ask(f"{guardian.url}/restart", method="POST", token="other")[0] == 401


def test_the_controls_over_http_are_those_in_process(guardian: GuardianServer) -> None:
    control = GuardianControl(guardian.url)
    try:
        control.misbehave("merchant", merchant="acme")
        assert control.state()["troubles"] == guardian.state()["troubles"] == {"merchant": "acme"}
        with pytest.raises(ControlError, match="one of"):
            control.control("misbehave", trouble="nothing")
        control.behave()
        assert guardian.state()["status"] == "healthy"
    finally:
        control.close()
