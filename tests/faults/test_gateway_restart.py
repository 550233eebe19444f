"""The web process is told to end under load: everybody hears it, comes back, and nothing is lost or done twice."""

from __future__ import annotations

import asyncio
import itertools
import json
import signal
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from clawsite.rpc import GatewayClient
from tests.faults.gate import TOKEN, Gate, running_gate
from tests.faults.rawsocket import TEXT, raw_socket
from tests.faults.stack import wait_for
from tests.servers.messages import MessagesServer

RESTARTS = 3
CLIENTS, LISTENERS, MESSAGES = 8, 20, 12
# By how much longer than nobody listened a program may have waited for its answers.
BACK_SECONDS = 10.0
PATIENCE_SECONDS = 60.0


class Load:
    """Programs that create jobs with the product's client, one after the other, until told to stop."""

    def __init__(self) -> None:
        self.created: dict[str, str] = {}
        self.rounds: Counter[str] = Counter()
        self.over = asyncio.Event()
        self.slowest = 0.0

    async def work(self, client: GatewayClient, name: str) -> None:
        """Create jobs; a request that fails fails the test."""
        for number in itertools.count():
            if self.over.is_set():
                return
            begun = time.monotonic()
            key, params = f"{name}-{number}", {"kind": "selftest", "params": {"events": 0}, "start": False}
            self.created[key] = (await client.request("jobs.create", params, idempotency_key=key))["job"]["id"]
            assert (await client.request("health"))["ok"]
            self.rounds[name] += 1
            self.slowest = max(self.slowest, time.monotonic() - begun)

    async def go_round(self) -> None:
        """Wait until each of them has done some more."""
        before = self.rounds.copy()

        def is_done() -> bool:
            return all(self.rounds[str(name)] > before[str(name)] + 1 for name in range(CLIENTS))

        await asyncio.to_thread(wait_for, is_done, timeout=PATIENCE_SECONDS, what="every program goes on")


async def listen(gate: Gate) -> tuple[bytes, int | None]:
    """Connect, wait for the end, and return what was said before and the code."""
    async with raw_socket(gate.port) as socket:
        await socket.connect(TOKEN)
        heard = await socket.read_until(b'"event":"shutdown"')
        await socket.read_until(b"never")
        return heard[-1], socket.code


async def restart_web(gate: Gate) -> float:
    """Tell the web process to end, as a deploy does; return after how many seconds there is another one to serve."""
    web = await asyncio.to_thread(lambda: gate.web)
    listeners = [asyncio.create_task(listen(gate)) for _ in range(LISTENERS)]
    async with gate.caller() as caller:
        present = 0
        while present <= LISTENERS:
            present = len(await caller.call("system-presence"))
        job = (await caller.call("jobs.create", kind="selftest", start=False, idempotencyKey="slow"))["job"]["id"]
        await caller.say(type="req", id="slow", method="jobs.result", params={"id": job, "timeoutMs": 600})
        await caller.call("ping")
        begun = time.monotonic()
        web.send_signal(signal.SIGTERM)
        assert not (await caller.response("slow"))["payload"]["done"]
        assert await caller.closed() == (1012, "service restart")
    for said, code in await asyncio.gather(*listeners):
        assert (b'"event":"shutdown"' in said, code) == (True, 1012)
    await asyncio.to_thread(
        wait_for, lambda: gate.web.pid != web.pid, timeout=PATIENCE_SECONDS, what="another web process"
    )
    await asyncio.to_thread(gate.wait_ready)
    return time.monotonic() - begun


async def list_all_jobs(client: GatewayClient) -> list[str]:
    """Return the ids of all jobs there are."""
    found: list[str] = []
    cursor = ""
    while True:
        page = await client.request("jobs.list", {"limit": 200, "cursor": cursor})
        found += [job["id"] for job in page["jobs"]]
        cursor = page.get("nextCursor", "")
        if not cursor:
            return found


@pytest.mark.faults
async def test_restarts_under_load_lose_and_repeat_nothing(tmp_path: Path) -> None:
    load, away = Load(), 0.0
    with running_gate(tmp_path / "home") as gate:
        clients = [gate.client() for _ in range(CLIENTS)]
        tasks = [asyncio.create_task(load.work(client, str(number))) for number, client in enumerate(clients)]
        for _ in range(RESTARTS):
            await load.go_round()
            away = max(away, await restart_web(gate))
        await load.go_round()
        load.over.set()
        await asyncio.gather(*tasks)
        jobs = await list_all_jobs(clients[0])
        for client in clients:
            await client.close()
        assert len(set(jobs)) == len(jobs) == len(load.created) + 1
        assert set(load.created.values()) < set(jobs)
        assert load.slowest < away + BACK_SECONDS


def message(key: str) -> dict[str, Any]:
    """Return parameters of chat.send."""
    return {"sessionKey": "main", "message": f"question {key}", "idempotencyKey": key}


async def send_and_lose(gate: Gate, key: str) -> None:
    """Send a message and cut the connection before the answer is read."""
    request = {"type": "req", "id": "1", "method": "chat.send", "params": message(key)}
    async with raw_socket(gate.port) as socket:
        await socket.connect(TOKEN)
        socket.write((TEXT, json.dumps(request).encode()))
        await socket.drain()


@pytest.mark.faults
async def test_a_message_whose_answer_was_lost_is_sent_again_and_not_doubled(
    messages_server: MessagesServer, tmp_path: Path
) -> None:
    model = {
        "ANTHROPIC_BASE_URL": messages_server.url,
        "ANTHROPIC_API_KEY": "sk-ant-test-0000000000000000",
        "CLAW_MODELS": "claude-sonnet-5-5",
        "CLAW_USER_RATE": "100000",
    }
    with running_gate(tmp_path / "home", **model) as gate:
        async with gate.client() as client:
            for number in range(MESSAGES):
                await send_and_lose(gate, f"m{number}")
                if number == MESSAGES // 2:
                    (await asyncio.to_thread(lambda: gate.web)).send_signal(signal.SIGTERM)
                told = await client.request("chat.send", message(f"m{number}"), tries=3)
                assert told["runId"] == f"m{number}"
            for number in range(MESSAGES):
                assert (await client.request("agent.wait", {"runId": f"m{number}"}))["status"] == "ok"
            history = (await client.request("chat.history", {"sessionKey": "main", "limit": 200}))["messages"]
    roles = [row["role"] for row in history]
    asked = [row["content"][0]["text"] for row in history if row["role"] == "user"]
    assert asked == [f"question m{number}" for number in range(MESSAGES)]
    assert roles.count("assistant") == MESSAGES
