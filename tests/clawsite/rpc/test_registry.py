"""Several gateways: who gets the work, and what happens when one is away."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from clawsite.rpc import (
    BadTarget,
    ConnectionLost,
    GatewayRegistry,
    GatewayTarget,
    NoTarget,
    RequestTimeout,
    RpcError,
    TlsOptions,
    Unreachable,
    Wanted,
    load_targets,
)
from clawsite.rpc.breaker import Breaker, State
from clawsite.rpc.selection import fits
from clawsite.rpc.targets import _Row, _Tls
from tests.clawsite.rpc.meeting import TOKEN, target_of, until
from tests.servers.gateway import GatewayEmulator

BUSY = {"code": "UNAVAILABLE", "message": "busy", "retryable": True}


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def make(target_id: str = "a", **options: Any) -> GatewayTarget:
    """Return a target that nobody connects to."""
    return GatewayTarget(id=target_id, ws_url="ws://127.0.0.1:1", **options)


@contextlib.asynccontextmanager
async def two() -> AsyncIterator[tuple[GatewayRegistry, GatewayEmulator, GatewayEmulator]]:
    """Give a registry of two gateways that run, `a` the first to be chosen."""
    async with GatewayEmulator() as a, GatewayEmulator() as b:
        targets = [target_of(a, id="a"), target_of(b, id="b")]
        async with GatewayRegistry(targets) as registry:
            yield registry, a, b


@pytest.mark.parametrize(
    ("options", "wanted", "expected"),
    [
        ({}, Wanted(), True),
        ({}, Wanted(repository="acme/web", labels=frozenset(), kind="frontend"), True),
        ({"allowed_repos": ("acme/*",)}, Wanted(repository="acme/web"), True),
        ({"allowed_repos": ("acme/*",)}, Wanted(repository="other/web"), False),
        ({"allowed_repos": ()}, Wanted(repository="acme/web"), False),
        ({"allowed_repos": ()}, Wanted(), True),
        ({"labels": frozenset({"gpu", "arm"})}, Wanted(labels=frozenset({"gpu"})), True),
        ({"labels": frozenset({"arm"})}, Wanted(labels=frozenset({"gpu", "arm"})), False),
        ({"kinds": frozenset({"infra"})}, Wanted(kind="infra"), True),
        ({"kinds": frozenset({"infra"})}, Wanted(kind="frontend"), False),
    ],
)
def test_a_gateway_fits_by_repository_labels_and_kind(options: dict[str, Any], wanted: Wanted, expected: bool) -> None:
    assert fits(make(**options), wanted) is expected


def test_the_least_loaded_for_its_capacity_comes_first() -> None:
    registry = GatewayRegistry([make("a", capacity=2), make("b", capacity=10), make("c", capacity=10)])
    registry.set_load("b", 4)
    with registry.job_at("a"):
        assert [target.id for target in registry.candidates()] == ["c", "b", "a"]
        with registry.job_at("a"):
            assert [target.id for target in registry.candidates()] == ["c", "b"]
    assert registry.select().id == "a"


def test_one_made_for_the_kind_comes_before_one_that_takes_any() -> None:
    registry = GatewayRegistry([make("any"), make("infra", kinds=frozenset({"infra"}))])

    assert registry.select(Wanted(kind="infra")).id == "infra"
    assert registry.select(Wanted(kind="web")).id == "any"


def test_nobody_for_the_work_is_said_with_what_was_wanted() -> None:
    registry = GatewayRegistry([make(allowed_repos=("acme/*",), labels=frozenset({"arm"}))])

    with pytest.raises(NoTarget, match="the repository x/y and the label gpu and tasks of the kind infra"):
        registry.select(Wanted(repository="x/y", labels=frozenset({"gpu"}), kind="infra"))
    with pytest.raises(NoTarget, match="no gateway b"):
        registry.client("b")


def test_the_breaker_opens_after_five_failures_in_a_minute_and_probes_every_half() -> None:
    clock = Clock()
    breaker = Breaker(clock=clock)
    seen: list[tuple[str, bool]] = []

    def look() -> None:
        seen.append((breaker.state.value, breaker.allow()))

    fail_times(breaker, 4)
    clock.now += 61
    fail_times(breaker, 1)
    look()
    fail_times(breaker, 4)
    look()
    clock.now += 30
    look()
    look()
    breaker.failed()
    clock.now += 29
    look()
    clock.now += 1
    look()
    breaker.succeeded()
    look()

    closed, open_, probing = ("closed", True), ("open", False), ("half_open", True)
    assert seen == [closed, open_, probing, open_, open_, probing, closed]


def fail_times(breaker: Breaker, times: int) -> None:
    """Let so many calls fail."""
    for _ in range(times):
        breaker.failed()


async def test_the_next_gateway_is_asked_when_one_is_away() -> None:
    async with two() as (registry, a, _):
        await a.stop()
        target, answer = await registry.request("jobs.create", {"kind": "selftest"}, timeout=6, tries=1)

    assert (target.id, answer["job"]["kind"]) == ("b", "selftest")


async def test_the_next_gateway_is_asked_when_the_token_for_one_is_gone(tmp_path: Path) -> None:
    async with GatewayEmulator() as gateway:
        targets = [target_of(gateway, id="a", token_ref=f"file:{tmp_path}/gone"), target_of(gateway, id="b")]
        async with GatewayRegistry(targets) as registry:
            target, _ = await registry.request("jobs.create", {"kind": "selftest"})

    assert target.id == "b"


async def test_the_next_gateway_is_asked_when_one_says_that_it_is_busy() -> None:
    async with two() as (registry, a, _):
        a.fault("error", "jobs.create", error=BUSY, times=None)
        target, _ = await registry.request("jobs.create", {"kind": "selftest"})

    assert target.id == "b"
    assert a.count("jobs.create") == 2


async def test_work_that_may_have_begun_is_not_given_to_another() -> None:
    async with two() as (registry, a, b):
        for name in ("a", "b"):
            await registry.request_at(name, "ping")  # what cannot be reached in time has not begun
        a.fault("silent", "jobs.create", times=None)
        with pytest.raises(RequestTimeout):
            await registry.request("jobs.create", {"kind": "selftest"}, timeout=0.1)
        a.fault("silent", "health", times=None)
        target, _ = await registry.request("health", timeout=5, tries=1)

    assert b.count("jobs.create") == 0
    assert target.id == "b"


@pytest.mark.parametrize("then", ["busy", "away"])
async def test_work_that_an_earlier_try_may_have_begun_is_not_given_to_another(then: str) -> None:
    async with two() as (registry, a, b):
        await registry.request_at("a", "ping")
        a.fault("cut_after", "jobs.create")
        if then == "busy":
            a.fault("error", "jobs.create", error=BUSY, times=None)
        else:
            a.fault("close", "connect", times=None)
        with pytest.raises(ConnectionLost):
            await registry.request("jobs.create", {"kind": "selftest"}, timeout=1)

    assert (len(a.jobs.by_id), b.count("jobs.create")) == (1, 0)


async def test_work_that_a_gateway_did_not_end_in_time_is_not_given_to_another() -> None:
    late = {**BUSY, "details": {"code": "TIMEOUT"}}
    async with two() as (registry, a, b):
        for method in ("runbooks.run", "health"):
            a.fault("error", method, error=late, times=None)
        with pytest.raises(RpcError):
            await registry.request("runbooks.run", {"name": "restart"})
        target, _ = await registry.request("health", tries=1)

    assert b.count("runbooks.run") == 0
    assert target.id == "b"


async def test_a_no_is_an_answer() -> None:
    async with two() as (registry, _, b):
        with pytest.raises(RpcError, match="unknown method"):
            await registry.request("nothing")

    assert b.requests == []


async def test_a_gateway_that_keeps_failing_is_left_alone_and_taken_back() -> None:
    clock = Clock()
    async with GatewayEmulator() as gateway:
        registry = GatewayRegistry([target_of(gateway)], make_breaker=lambda: Breaker(clock=clock))
        fault = gateway.fault("error", "health", error=BUSY, times=None)
        for _ in range(5):
            await registry.check()
        assert registry.state("here") is State.OPEN
        assert registry.seconds("here") is None
        with pytest.raises(NoTarget):
            registry.select()
        with pytest.raises(Unreachable, match="too often"):
            await registry.request_at("here", "ping")
        fault.times = 0
        clock.now += 30
        await registry.check()
        assert registry.state("here") is State.CLOSED
        assert registry.seconds("here") is not None
        await registry.close()

    assert gateway.count("health") == 6


async def test_a_gateway_is_taken_back_when_the_token_for_it_was_put_right(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("claw_wrong_token")
    async with (
        GatewayEmulator() as gateway,
        GatewayRegistry([target_of(gateway, token_ref=f"file:{file}")]) as registry,
    ):
        await registry.check()
        assert registry.seconds("here") is None
        file.write_text(TOKEN)
        await registry.check()
        assert registry.seconds("here") is not None
        assert (await registry.request("health"))[1] == {"ok": True}


async def test_checks_go_on_by_themselves() -> None:
    async with two() as (registry, a, b):
        registry.start_checks(every=0.02)
        registry.start_checks(every=0.02)
        await until(lambda: a.count("health") > 2 and b.count("health") > 2)
        assert (len(a.connects), len(b.connects)) == (1, 1)


async def test_a_new_list_keeps_what_did_not_change() -> None:
    async with GatewayEmulator() as gateway:
        kept, changed, gone = target_of(gateway, id="kept"), make("changed"), make("gone")
        async with GatewayRegistry([kept, changed, gone]) as registry:
            client, other = registry.client("kept"), registry.client("changed")
            await registry.update([kept, make("changed", capacity=2), make("new")])

            assert [target.id for target in registry.targets] == ["kept", "changed", "new"]
            assert registry.client("kept") is client
            assert registry.client("changed") is not other
            assert await asyncio.wait_for(client.request("ping"), 30) == {"ok": True}


def test_targets_are_read_from_json_and_toml(tmp_path: Path) -> None:
    row = {"id": "a", "ws_url": "wss://gw.example", "labels": ["gpu"], "capacity": 3, "tls": {"ca_file": "/ca.pem"}}
    (tmp_path / "list.json").write_text(json.dumps([row]))
    (tmp_path / "table.toml").write_text(
        '[[targets]]\nid = "a"\nws_url = "wss://gw.example"\nlabels = ["gpu"]\ncapacity = 3\n'
        'tls = { ca_file = "/ca.pem" }\n'
    )
    (from_json,), (from_toml,) = load_targets(tmp_path / "list.json"), load_targets(tmp_path / "table.toml")

    assert from_json == from_toml
    assert (from_json.labels, from_json.capacity, from_json.tls.ca_file) == (frozenset({"gpu"}), 3, "/ca.pem")


def test_a_file_can_say_everything_that_a_target_has() -> None:
    for ours, read in ((GatewayTarget, _Row), (TlsOptions, _Tls)):
        assert [field.name for field in dataclasses.fields(ours)] == list(read.__struct_fields__)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "not JSON"),
        ("{}", "a list of targets"),
        ("[1]", "object"),
        ('[{"id": "a"}]', "ws_url"),
        ('[{"id": "a", "ws_url": "ws://127.0.0.1", "colour": 1}]', "colour"),
        ('[{"id": "a", "ws_url": "ws://127.0.0.1", "token_ref": 5}]', "token_ref"),
        ('[{"id": "a", "ws_url": "ws://127.0.0.1", "token_ref": "claw_x"}]', "env:NAME or file:PATH"),
        ('[{"id": "a", "ws_url": "ws://127.0.0.1", "capacity": 0}]', "at least 1"),
        ('[{"id": "a", "ws_url": "ws://127.0.0.1"}, {"id": "a", "ws_url": "ws://127.0.0.1"}]', "several targets"),
    ],
)
def test_a_wrong_list_is_a_sentence_without_the_secret(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "targets.json"
    file.write_text(text)
    with pytest.raises(BadTarget, match=said) as caught:
        load_targets(file)

    assert "claw_x" not in str(caught.value)
