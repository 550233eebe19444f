"""Each method that both gateways have, held against OpenClaw's schema; and a conversation as a program hears it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from clawsite.rpc.client import GatewayClient
from clawsite.rpc.errors import RpcError
from clawsite.rpc.frames import Event
from clawsite.rpc.target import GatewayTarget
from tests.interop.installed import Installed
from tests.interop.schema import problems
from tests.interop.targets import ANSWER, Target

pytestmark = [pytest.mark.interop, pytest.mark.xdist_group("openclaw"), pytest.mark.timeout(300)]
KEY = "agent:main:frames"
# What can be asked without changing anything, in an order in which a program would.
READS: tuple[tuple[str, dict[str, object]], ...] = (
    ("health", {}),
    ("status", {}),
    ("system-presence", {}),
    ("last-heartbeat", {}),
    ("channels.status", {}),
    ("config.get", {}),
    ("logs.tail", {}),
    ("models.list", {}),
    ("agents.list", {}),
    ("commands.list", {}),
    ("sessions.list", {}),
    ("sessions.resolve", {"key": KEY}),
    ("sessions.describe", {"key": KEY}),
    ("chat.history", {"sessionKey": KEY}),
    ("cron.list", {}),
    ("cron.status", {}),
    ("question.list", {}),
    ("plugin.approval.list", {}),
    ("exec.approval.list", {}),
    ("skills.status", {}),
)


@pytest.fixture
async def client(target: Target) -> AsyncIterator[GatewayClient]:
    """Our client, connected to the target through the proxy."""
    gateway = GatewayTarget(id=target.name, ws_url=f"ws://127.0.0.1:{target.wire.port}", token_ref=lambda: target.token)
    async with GatewayClient(gateway) as client:
        yield client


def assert_valid(openclaw: Installed, target: Target) -> None:
    frames = [each for each in target.wire.frames if not each.is_close]
    requests = [each.frame for each in frames if not each.from_server]
    sent = [each.frame for each in frames if each.from_server]
    found = problems(openclaw, requests, sent, is_newer=target.name == "theirs")
    assert not found, "\n".join(found)


async def converse(client: GatewayClient, run: str) -> list[Event]:
    """Ask, and return what was heard until the answer was there."""
    events, heard = client.events(), []
    await client.request("sessions.subscribe", {})
    await client.request("chat.send", {"sessionKey": KEY, "message": "What is the answer?"}, idempotency_key=run)
    async with asyncio.timeout(60):
        async for event in events:
            heard.append(event)
            if event.event == "chat" and event.payload["runId"] == run and event.payload["state"] == "final":
                break
    return heard


async def test_a_conversation_is_as_the_schema_says(openclaw: Installed, client: GatewayClient, target: Target) -> None:
    heard = await converse(client, "frames-1")

    chat = [event.payload for event in heard if event.event == "chat"]
    assert ANSWER in str(chat[-1]["message"])
    assert "delta" in {payload["state"] for payload in chat}
    assert {"chat", "agent", "session.message", "sessions.changed"} <= {event.event for event in heard}
    assert_valid(openclaw, target)


async def test_every_common_method_answers_as_the_schema_says(
    openclaw: Installed, client: GatewayClient, target: Target
) -> None:
    await converse(client, "frames-2")

    failed = {}
    for method, params in READS:
        try:
            await client.request(method, params)
        except RpcError as error:
            failed[method] = str(error)

    assert failed == {}
    assert_valid(openclaw, target)
