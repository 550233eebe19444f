"""Our client against a real OpenClaw gateway, which knows nothing of us."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from clawsite.rpc.blocking import connect
from clawsite.rpc.client import GatewayClient
from clawsite.rpc.errors import HandshakeRefused, RpcError
from clawsite.rpc.hello import Hello
from clawsite.rpc.target import GatewayTarget
from tests.interop.openclaw import OpenClawService
from tests.interop.targets import ANSWER

pytestmark = [pytest.mark.interop, pytest.mark.timeout(300)]
KEY = "agent:main:our-client"


def target_of(gateway: OpenClawService, *, token: str = "") -> GatewayTarget:
    return GatewayTarget(id="openclaw", ws_url=gateway.url, token_ref=lambda: token or gateway.token)


@pytest.fixture
async def client(openclaw_gateway: OpenClawService) -> AsyncIterator[GatewayClient]:
    """A connected client without a device, as a program on the gateway's own machine is."""
    async with GatewayClient(target_of(openclaw_gateway)) as client:
        yield client


async def test_connects_with_the_rights_it_asked_for(client: GatewayClient) -> None:
    hello = client.hello

    assert hello is not None
    assert hello.protocol == 4
    assert {"health", "sessions.list", "chat.send"} <= set(hello.methods)
    assert {"operator.read", "operator.write", "operator.admin"} <= set(hello.scopes)


async def test_wrong_token_is_told_from_a_gateway_that_is_away(openclaw_gateway: OpenClawService) -> None:
    with pytest.raises(HandshakeRefused, match="token mismatch"):
        await GatewayClient(target_of(openclaw_gateway, token="wrong")).connect()


async def test_health_and_sessions(client: GatewayClient) -> None:
    health = await client.request("health")
    sessions = await client.request("sessions.list")

    assert health["ok"] is True
    assert sessions["count"] == len(sessions["sessions"])


async def test_unknown_method_is_its_error(client: GatewayClient) -> None:
    with pytest.raises(RpcError, match="unknown method"):
        await client.request("no.such.method")


async def test_agent_has_two_answers(client: GatewayClient) -> None:
    accepted: list[dict[str, str]] = []
    params = {"message": "What is the answer?", "sessionKey": KEY}

    final = await client.request(
        "agent", params, expect_final=True, on_accepted=accepted.append, idempotency_key="ours-1", timeout=60
    )

    assert [answer["status"] for answer in accepted] == ["accepted"]
    assert final["status"] == "ok"
    assert ANSWER in str(final)


async def test_chat_is_heard_as_events(client: GatewayClient) -> None:
    events = client.events("chat")

    started = await client.request("chat.send", {"sessionKey": KEY, "message": "And now?"}, idempotency_key="ours-2")

    assert started == {"runId": "ours-2", "status": "started"}
    async with asyncio.timeout(60):
        async for event in events:
            if event.payload["runId"] == "ours-2" and event.payload["state"] == "final":
                break
    assert ANSWER in str(event.payload["message"])


@pytest.mark.soak
def test_connects_again_after_the_gateway_was_killed(openclaw_gateway: OpenClawService) -> None:
    """With the client for programs without an event loop; a service dies with the thread that started it."""
    hellos: list[Hello] = []
    with connect(target_of(openclaw_gateway), on_hello=hellos.append) as client, ThreadPoolExecutor(1) as threads:
        openclaw_gateway.kill()
        asked = threads.submit(client.request, "sessions.list", timeout=90)
        openclaw_gateway.start()

        assert asked.result(90)["sessions"] is not None
        assert client.request("health")["ok"] is True

    assert len(hellos) == 2
