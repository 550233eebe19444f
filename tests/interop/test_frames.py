"""Each method that both gateways have, held against OpenClaw's schema; and a conversation as a program hears it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Iterator

import pytest

from clawsite.rpc.client import GatewayClient
from clawsite.rpc.errors import RpcError
from clawsite.rpc.frames import Event
from clawsite.rpc.target import GatewayTarget
from tests.interop.installed import Installed
from tests.interop.schema import problems
from tests.interop.targets import ANSWER, Target
from tests.servers.messages import MessagesServer

pytestmark = [pytest.mark.interop, pytest.mark.timeout(300)]
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
# What changes something, each with what came before it.
MADE = "agent:main:made"
WRITES: tuple[tuple[str, dict[str, object]], ...] = (
    ("sessions.create", {"key": MADE, "label": "Made"}),
    ("sessions.patch", {"key": MADE, "label": "Made again"}),
    ("sessions.list", {}),
    ("chat.abort", {"sessionKey": MADE}),
    ("sessions.reset", {"key": MADE}),
    ("sessions.delete", {"key": MADE}),
)


@pytest.fixture(autouse=True)
def chatty_model(openclaw_model: MessagesServer) -> Iterator[None]:
    """Let the model say more and take longer, so that there is something to stream."""
    openclaw_model.set_default(f"{ANSWER} {'And so it goes on. ' * 40}", deltas=20, pause=0.1)
    yield
    openclaw_model.set_default(ANSWER)


@pytest.fixture
async def client(target: Target) -> AsyncIterator[GatewayClient]:
    """Our client, connected to the target through the proxy."""
    gateway = GatewayTarget(id=target.name, ws_url=f"ws://127.0.0.1:{target.wire.port}", token_ref=lambda: target.token)
    async with GatewayClient(gateway) as client:
        yield client


def assert_valid(openclaw: Installed, target: Target) -> None:
    found = problems(openclaw, target.wire.frames, is_newer=target.name == "theirs")
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

    failed = await call_all(client, READS)

    assert failed == {}
    assert_valid(openclaw, target)


async def test_every_common_change_answers_as_the_schema_says(
    openclaw: Installed, client: GatewayClient, target: Target
) -> None:
    failed = await call_all(client, WRITES)

    assert failed == {}
    assert_valid(openclaw, target)


async def call_all(client: GatewayClient, calls: Iterable[tuple[str, dict[str, object]]]) -> dict[str, str]:
    """Call one method after the other, and return what the gateway says of those that it refuses."""
    failed = {}
    for method, params in calls:
        try:
            await client.request(method, params)
        except RpcError as error:
            failed[method] = str(error)
    return failed
