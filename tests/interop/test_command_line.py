"""OpenClaw's own command line against our gateway; and against OpenClaw's, which shows that the tests are right."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import connect

from tests.clawsite.gateway.seat import Client
from tests.clawsite.gateway.test_devices import Phone
from tests.faults.stack import wait_for
from tests.interop.command import CommandLine, Said, Terminal
from tests.interop.installed import Installed
from tests.interop.schema import problems
from tests.interop.targets import ANSWER, Target
from tests.programs import need_program

pytestmark = [pytest.mark.interop, pytest.mark.timeout(300)]


@pytest.fixture(autouse=True)
def frames_are_valid(openclaw: Installed, target: Target) -> Iterator[None]:
    """Hold every frame that the gateway sends in a test against OpenClaw's schema."""
    before = len(target.wire.frames)
    yield
    found = problems(openclaw, target.wire.frames[before:], is_newer=target.name == "theirs")
    assert not found, "\n".join(found)


def assert_fine(said: Said) -> None:
    """Hold that a call went well. That the command line waited for its own database is said of no gateway."""
    complaints = [line for line in said.err.splitlines() if not line.startswith("[sqlite/transaction] slow ")]
    assert (said.code, complaints) == (0, []), said


def test_call_health(command: CommandLine) -> None:
    said = command.call("health")

    assert_fine(said)
    assert said.json()["ok"] is True


def test_call_sessions_list(command: CommandLine) -> None:
    said = command.call("sessions.list")

    assert_fine(said)
    answer = said.json()
    assert answer["count"] == len(answer["sessions"])


def test_call_chat_send_is_answered_in_the_history(command: CommandLine) -> None:
    params = {"sessionKey": "agent:main:interop", "message": "What is the answer?", "idempotencyKey": "run-1"}

    said = command.call("chat.send", params)

    assert_fine(said)
    assert said.json() == {"runId": "run-1", "status": "started"}
    wait_for(lambda: ANSWER in texts(command, "agent:main:interop"), timeout=60, what="the answer")
    assert texts(command, "agent:main:interop") == ["What is the answer?", ANSWER]


def texts(command: CommandLine, key: str) -> list[str]:
    """What the history of a session says."""
    said = command.call("chat.history", {"sessionKey": key, "limit": 50})
    assert_fine(said)
    return [text_of(message["content"]) for message in said.json()["messages"]]


def text_of(content: str | list[dict[str, str]]) -> str:
    if isinstance(content, str):
        return content
    return "".join(part.get("text", "") for part in content)


def test_a_repeated_chat_send_is_one_message(command: CommandLine) -> None:
    params = {"sessionKey": "agent:main:twice", "message": "Only once?", "idempotencyKey": "run-twice"}

    for _ in range(2):
        assert_fine(command.call("chat.send", params))

    wait_for(lambda: ANSWER in texts(command, "agent:main:twice"), timeout=60, what="the answer")
    assert texts(command, "agent:main:twice").count("Only once?") == 1


def test_agent_waits_for_the_answer(command: CommandLine) -> None:
    said = command.run("agent", "--session-key", "agent:main:agent", "--message", "What is the answer?", "--json")

    assert_fine(said)
    assert ANSWER in said.out


def test_health(command: CommandLine) -> None:
    said = command.run("health")

    assert_fine(said)
    assert "Agents: main (default)" in said.out


def test_status(command: CommandLine, target: Target) -> None:
    said = command.run("status")

    assert_fine(said)
    gateway = next(line for line in said.out.splitlines() if line.startswith("│ Gateway  "))
    assert f"ws://127.0.0.1:{target.wire.port}" in gateway
    assert "reachable" in gateway
    assert "unreachable" not in gateway
    assert "auth token" in gateway


def test_probe(command: CommandLine) -> None:
    said = command.run("gateway", "probe", "--timeout", "60000")

    assert_fine(said)
    assert "Reachable: yes" in said.out
    assert "Connect: ok" in said.out


def test_wrong_token_is_refused_in_words(command: CommandLine) -> None:
    said = command.call("health", token="not-the-token")

    assert said.code == 1
    assert "gateway token mismatch" in said.out + said.err


def test_unknown_method_is_refused_in_words(command: CommandLine) -> None:
    said = command.call("no.such.method")

    assert said.code == 1
    assert "unknown method: no.such.method" in said.out + said.err


@contextlib.contextmanager
def terminal_of(openclaw: Installed, command: CommandLine, target: Target, folder: Path) -> Iterator[Terminal]:
    """Open OpenClaw's terminal and wait until it is connected."""
    run = openclaw.command("tui", "--url", command.url, "--token", target.token)
    terminal = Terminal(need_program("tmux"), folder, run, command.environment)
    try:
        terminal.wait_for("connected")
        yield terminal
    finally:
        terminal.close()


@pytest.mark.soak
def test_devices_are_listed_renamed_and_removed(
    openclaw: Installed, command: CommandLine, target: Target, tmp_path: Path
) -> None:
    with terminal_of(openclaw, command, target, tmp_path):
        pass  # a terminal that has connected is a known device
    device = devices(command, "list")["paired"][0]["deviceId"]
    devices(command, "rename", "--device", device, "--name", "Kitchen Mac")
    assert "Kitchen Mac" in str(devices(command, "list"))
    devices(command, "remove", device)
    assert device not in str(devices(command, "list"))


@pytest.mark.soak
def test_a_device_from_elsewhere_is_approved(command: CommandLine, target: Target) -> None:
    if target.name != "ours":
        pytest.skip("OpenClaw's own takes an address from no proxy that it was not told of")
    phone = Phone()
    refused = call_from_elsewhere(target, phone)

    assert refused["error"]["code"] == "NOT_PAIRED"
    request = refused["error"]["details"]["requestId"]
    assert [row["requestId"] for row in devices(command, "list")["pending"]] == [request]
    assert devices(command, "approve", request)["device"]["deviceId"] == phone.id
    assert call_from_elsewhere(target, phone)["ok"] is True


def devices(command: CommandLine, *arguments: str) -> Any:
    """What `openclaw devices` says in JSON."""
    said = command.run("devices", *arguments, "--url", command.url, "--token", command.token, "--json")
    assert_fine(said)
    return said.json()


def call_from_elsewhere(target: Target, phone: Phone) -> dict[str, Any]:
    """Connect with the proof of a device through a proxy, which names another address; return the answer.

    Somebody who may decide hears of a device that is not let in, so that this event is held against the schema, too.
    """
    url, elsewhere = f"ws://127.0.0.1:{target.wire.port}/", {"X-Forwarded-For": "192.0.2.9"}

    async def run() -> dict[str, Any]:
        async with connect(url) as listening, connect(url, additional_headers=elsewhere) as opened:
            listener, client = Client(listening), Client(opened)
            await listener.connect(target.token)
            nonce = (await client.event("connect.challenge"))["payload"]["nonce"]
            await client.say(type="req", id="c", method="connect", params=phone.params(nonce, token=target.token))
            answer = await client.response("c")
            if not answer["ok"]:
                await listener.event("device.pair.requested")
            return answer

    return asyncio.run(run())


def test_terminal_sends_a_message_and_shows_the_answer(
    openclaw: Installed, command: CommandLine, target: Target, tmp_path: Path
) -> None:
    with terminal_of(openclaw, command, target, tmp_path) as terminal:
        terminal.type("What is the answer?")
        screen = terminal.wait_for(ANSWER)

    assert "What is the answer?" in screen
    assert json.dumps(target.wire.requests()).count('"chat.send"') >= 1
