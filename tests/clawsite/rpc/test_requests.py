"""Requests: time limits, retries, keys, many at once, and gateways that answer wrong."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from clawsite.rpc import ClientClosed, ConnectionLost, GatewayClient, RequestTimeout, RequestTooBig, RpcError
from clawsite.rpc.calls import Rule, add_key, find_rule
from tests.clawsite.rpc.meeting import meeting, target_of, until
from tests.servers.gateway import GatewayEmulator

BUSY = {"code": "UNAVAILABLE", "message": "busy", "retryable": True, "retryAfterMs": 10}
DEEP = '{"type":"event","event":"chat","payload":' + "[" * 100_000
NEVER = {"code": "INVALID_REQUEST", "message": "no such thing", "details": {"code": "CRON_JOB_NOT_FOUND"}}


async def test_a_request_returns_the_payload_of_its_answer() -> None:
    async with meeting() as (client, _):
        assert await client.request("echo", {"n": 1, "text": "olá"}) == {"n": 1, "text": "olá"}


async def test_many_requests_share_one_connection_and_are_answered_in_any_order() -> None:
    async with meeting() as (client, gateway):
        gateway.fault("delay", "echo", seconds=5.0)  # longer than all others take
        answers: list[int] = []

        async def ask(number: int) -> None:
            answers.append((await client.request("echo", {"n": number}))["n"])

        await asyncio.gather(*(ask(number) for number in range(300)))

    assert sorted(answers) == list(range(300))
    assert answers[-1] == 0
    assert len(gateway.connects) == 1


async def test_an_error_answer_is_an_error_with_all_its_parts() -> None:
    async with meeting() as (client, gateway):
        gateway.fault("error", "echo", error=NEVER)
        with pytest.raises(RpcError) as caught:
            await client.request("echo")

    error = caught.value
    assert (error.code, error.message, error.detail_code) == ("INVALID_REQUEST", "no such thing", "CRON_JOB_NOT_FOUND")
    assert (error.retryable, error.retry_after, error.method) == (False, None, "echo")


@pytest.mark.parametrize(
    ("method", "rule"),
    [
        ("jobs.create", Rule(10, 2)),
        ("jobs.start", Rule(10, 2)),
        ("jobs.result", Rule(30, 1)),
        ("ping", Rule(10, 3)),
        ("health", Rule(30, 3)),
        ("status", Rule(30, 3)),
        ("jobs.status", Rule(30, 3)),
        ("chat.send", Rule(30, 1)),
    ],
)
def test_each_method_has_its_limit_and_its_tries(method: str, rule: Rule) -> None:
    assert find_rule(method) == rule


@pytest.mark.parametrize(
    ("method", "params", "tries"),
    [
        ("ping", {}, 3),
        ("health", {}, 3),
        ("jobs.create", {"kind": "selftest"}, 2),
        ("jobs.start", {"id": "x"}, 2),
        ("echo", {}, 1),
    ],
)
@pytest.mark.parametrize("kind", ["silent", "error"])
async def test_a_failure_is_tried_again_as_often_as_the_method_allows(
    method: str, params: dict[str, Any], tries: int, kind: str
) -> None:
    async with meeting() as (client, gateway):
        gateway.fault(kind, method, times=None, error=BUSY if kind == "error" else None)
        with pytest.raises((RequestTimeout, RpcError)):
            await client.request(method, params, timeout=0.3)
        await until(lambda: gateway.count(method) >= tries)

    assert gateway.count(method) == tries


def test_a_method_that_waits_is_waited_for() -> None:
    assert find_rule("jobs.result", {"id": "x", "timeoutMs": 60_000}) == Rule(65, 1)
    assert find_rule("jobs.result", {"id": "x", "timeoutMs": 0}) == Rule(30, 1)
    assert find_rule("agent", expect_final=True) == Rule(605, 1)
    assert find_rule("agent", {"timeout": 3600}, expect_final=True) == Rule(3605, 1)
    assert find_rule("agent", {"timeout": 3600}) == Rule(30, 1)
    assert find_rule("agent.wait", {"runId": "x"}) == Rule(35, 1)


async def test_what_will_never_go_well_is_not_tried_again() -> None:
    async with meeting() as (client, gateway):
        gateway.fault("error", "health", times=None, error=NEVER)
        with pytest.raises(RpcError):
            await client.request("health")

    assert gateway.count("health") == 1


async def test_the_wait_that_the_gateway_asks_for_is_kept() -> None:
    async with meeting() as (client, gateway):
        gateway.fault("error", "health", error={**BUSY, "retryAfterMs": 200})
        began = asyncio.get_running_loop().time()
        await client.request("health")

    assert asyncio.get_running_loop().time() - began >= 0.2


async def test_a_wait_beyond_the_limit_is_the_callers_to_keep() -> None:
    async with meeting() as (client, gateway):
        gateway.fault("error", "health", error={**BUSY, "retryAfterMs": 60_000})
        with pytest.raises(RpcError) as caught:
            await client.request("health", timeout=10)

    assert caught.value.retry_after == 60


@pytest.mark.parametrize("kind", ["cut", "cut_after"])
async def test_a_job_created_again_after_a_cut_is_the_same_job(kind: str) -> None:
    async with meeting() as (client, gateway):
        gateway.fault(kind, "jobs.create")
        answer = await client.request("jobs.create", {"kind": "selftest"})

    assert list(gateway.jobs.by_id) == [answer["job"]["id"]]
    keys = {params["idempotencyKey"] for method, params in gateway.requests if method == "jobs.create"}
    assert (gateway.count("jobs.create"), len(keys)) == (2, 1)


def test_a_key_is_made_where_the_method_takes_one_and_never_replaced() -> None:
    assert add_key("jobs.create", {"kind": "x"}, None)["idempotencyKey"]
    assert add_key("chat.send", {"idempotencyKey": "mine"}, None) == {"idempotencyKey": "mine"}
    assert add_key("chat.send", {"idempotencyKey": "mine"}, "other") == {"idempotencyKey": "other"}
    assert add_key("jobs.start", {"id": "x"}, None) == {"id": "x"}
    assert add_key("health", None, None) == {}


async def test_what_may_have_happened_is_not_repeated_by_itself() -> None:
    async with meeting() as (client, gateway):
        gateway.fault("cut_after", "echo")
        with pytest.raises(ConnectionLost) as caught:
            await client.request("echo")

    assert caught.value.was_sent
    assert gateway.count("echo") == 1


async def test_a_request_waits_for_the_connection_to_come_back() -> None:
    async with meeting() as (client, gateway):
        async with gateway.away():
            await until(lambda: client.hello is None)
            asking = asyncio.create_task(client.request("echo", {"n": 1}))
            await asyncio.sleep(0.05)

        assert await asking == {"n": 1}


async def test_the_second_answer_is_the_one_when_it_is_expected() -> None:
    async with meeting() as (client, _):
        accepted: list[Any] = []
        first = await client.request("agent", {"message": "hi"}, idempotency_key="k1")
        final = await client.request(
            "agent", {"message": "hi"}, idempotency_key="k2", expect_final=True, on_accepted=accepted.append
        )

    assert first == {"runId": "k1", "status": "accepted"}
    assert final["status"] == "ok"
    assert accepted == [{"runId": "k2", "status": "accepted"}]


@pytest.mark.parametrize("kind", ["twice", "foreign"])
async def test_answers_given_twice_and_unknown_frames_are_passed_over(kind: str) -> None:
    async with meeting() as (client, gateway):
        gateway.fault(kind, "echo", times=None)
        assert [await client.request("echo", {"n": n}) for n in range(3)] == [{"n": 0}, {"n": 1}, {"n": 2}]
        assert client.in_flight == 0


@pytest.mark.parametrize("data", ["{not json", "", b"\xff\xfe", b'{"type":"event","event":"\xff"}', DEEP])
@pytest.mark.parametrize("method", ["connect", "health"])
async def test_what_is_not_json_costs_the_connection_and_no_more(data: str | bytes, method: str) -> None:
    async with GatewayEmulator() as gateway:
        client = GatewayClient(target_of(gateway))
        gateway.fault("garbage", method, data=data)
        assert await client.request("health") == {"ok": True}
        await client.close()

    assert len(gateway.connects) == 2


@pytest.mark.parametrize("data", ["1", "{}", '{"type":"res"}', '{"type":"event","event":7}', '{"type":"req","id":"1"}'])
async def test_frames_that_are_not_understood_are_passed_over(data: str) -> None:
    async with meeting() as (client, gateway):
        gateway.fault("garbage", "echo", data=data)
        with pytest.raises(RequestTimeout):
            await client.request("echo", timeout=0.1)
        assert await client.request("echo", {"n": 1}) == {"n": 1}

    assert len(gateway.connects) == 1


async def test_a_cancelled_request_leaves_nothing_behind() -> None:
    async with meeting() as (client, gateway):
        gateway.fault("delay", "echo", seconds=0.1)
        asking = asyncio.create_task(client.request("echo"))
        await until(lambda: gateway.count("echo"))
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking

        assert client.in_flight == 0
        assert await client.request("echo", {"n": 2}) == {"n": 2}


async def test_a_request_that_the_gateway_would_close_for_is_not_sent() -> None:
    async with meeting() as (client, gateway):
        gateway.max_payload = 1000
        gateway.cut_all()
        await until(lambda: client.hello and client.hello.max_payload == 1000)
        with pytest.raises(RequestTooBig, match="1000"):
            await client.request("echo", {"text": "x" * 1000})

        assert await client.request("ping") == {"ok": True}


async def test_a_closed_client_says_so() -> None:
    async with meeting() as (client, _):
        await client.close()
        await client.close()
        with pytest.raises(ClientClosed):
            await client.request("health")
