"""Conversations over real sockets: the web role in a process of its own, bots in this one, cuts in between."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from clawsite.core.db import run_db
from sessions_app.models import Message
from tests.clawsite.gateway.seat import Client, Gateway, running_gateway
from tests.clawsite.gateway.talk import Talk, open_talk

LONG = "One two three four five six seven eight nine ten. " * 60


@pytest.fixture
async def rooms(transactional_db: None, tmp_path: Path) -> AsyncIterator[tuple[Talk, Gateway]]:
    """Bots are ready to run here; the gateway runs beside."""
    async with open_talk() as talk:
        with _started(tmp_path) as gateway:
            yield talk, gateway


@contextlib.contextmanager
def _started(folder: Path) -> Iterator[Gateway]:
    with running_gateway(folder) as gateway:
        yield gateway


async def end_of(client: Client, run_id: str) -> dict[str, Any]:
    """Return the payload of the event that ends a run."""
    while True:
        for frame in client.events:
            payload = frame.get("payload") or {}
            ended = payload.get("state") in ("final", "aborted", "error")
            if frame["event"] == "chat" and payload.get("runId") == run_id and ended:
                return dict(payload)
        await client.read()


def states(client: Client, run_id: str) -> list[str]:
    """Return the states of a run's chat events."""
    chats = [frame["payload"] for frame in client.events if frame["event"] == "chat"]
    return [payload["state"] for payload in chats if payload["runId"] == run_id]


def texts(read: dict[str, Any]) -> list[str]:
    """Return the texts of a history."""
    return [row["content"][0]["text"] for row in read["messages"]]


async def test_an_answer_is_streamed_to_its_socket(rooms: tuple[Talk, Gateway]) -> None:
    talk, gateway = rooms
    talk.model.set_default(LONG, deltas=60, pause=0.05)
    token = await run_db(gateway.token, "bob", "operator.write")
    async with talk.running(), gateway.client(token) as bob:
        answer = await bob.call("chat.send", sessionKey="main", message="hello", idempotencyKey="k1")
        assert answer == {"runId": "k1", "status": "started"}
        final = await end_of(bob, "k1")
        assert final["message"]["content"][0]["text"] == LONG.strip()
        assert states(bob, "k1").count("delta") > 2
        assert states(bob, "k1").count("final") == 1
        numbers = [frame["seq"] for frame in bob.events if "seq" in frame]
        assert numbers == list(range(1, len(numbers) + 1))


async def test_a_client_that_is_cut_off_reads_what_it_missed(rooms: tuple[Talk, Gateway]) -> None:
    talk, gateway = rooms
    talk.model.set_default(LONG, deltas=60, pause=0.02)
    token = await run_db(gateway.token, "bob", "operator.write")
    async with talk.running():
        for number in range(3):
            async with gateway.client(token) as bob:
                await bob.call("chat.send", sessionKey="main", message=f"m{number}", idempotencyKey=f"k{number}")
                await bob.event("chat", state="delta", runId=f"k{number}")
                bob.socket.transport.abort()
        async with gateway.client(token) as bob:
            read = await bob.call("chat.history", sessionKey="main")
            while len(texts(read)) < 6:
                await bob.read()
                read = await bob.call("chat.history", sessionKey="main")
            again = await bob.call("chat.send", sessionKey="main", message="m0", idempotencyKey="k0")
            assert again == {"runId": "k0", "status": "ok"}
    assert sorted(texts(read)) == sorted(["m0", "m1", "m2", *[LONG.strip()] * 3])
    assert await run_db(lambda: Message.objects.filter(role="assistant").count()) == 3


async def test_a_gateway_that_is_killed_in_the_middle_loses_nothing(transactional_db: None, tmp_path: Path) -> None:
    async with open_talk() as talk:
        talk.model.set_default(LONG, deltas=60, pause=0.02)
        async with talk.running():
            with running_gateway(tmp_path) as gateway:
                token = await run_db(gateway.token, "bob", "operator.write")
                async with gateway.client(token) as bob:
                    await bob.call("chat.send", sessionKey="main", message="hello", idempotencyKey="k1")
                    await bob.event("chat", state="delta", runId="k1")
                    gateway.process.kill()
            with running_gateway(tmp_path) as gateway:
                async with gateway.client(token) as bob:
                    waited = await bob.call("agent.wait", runId="k1")
                    assert waited["status"] == "ok"
                    read = await bob.call("chat.history", sessionKey="main")
    assert texts(read) == ["hello", LONG.strip()]


async def test_agent_answers_twice_over_a_socket(rooms: tuple[Talk, Gateway]) -> None:
    talk, gateway = rooms
    talk.model.set_default("Done.")
    async with talk.running(), gateway.client() as alice:
        await alice.say(type="req", id="a", method="agent", params={"message": "do it", "idempotencyKey": "k1"})
        first, second = await alice.response("a"), await alice.response("a")
        assert (first["ok"], first["payload"]["status"]) == (True, "accepted")
        assert (second["ok"], second["payload"]["status"]) == (True, "ok")
        assert second["payload"]["result"]["payloads"] == [{"text": "Done.", "mediaUrl": None}]


async def test_ten_sessions_talk_at_once(rooms: tuple[Talk, Gateway]) -> None:
    talk, gateway = rooms
    talk.model.set_default("Answered by the model.", deltas=5, pause=0.01)

    async def converse(name: str) -> list[str]:
        async with gateway.client() as client:
            for number in range(3):
                run_id = f"{name}-{number}"
                await client.call("chat.send", sessionKey=name, message=f"hello {number}", idempotencyKey=run_id)
                await end_of(client, run_id)
                assert states(client, run_id).count("final") == 1
            return texts(await client.call("chat.history", sessionKey=name))

    async with talk.running():
        shown = await asyncio.gather(*(converse(f"s{number}") for number in range(10)))
    assert all(len(each) == 6 for each in shown)
