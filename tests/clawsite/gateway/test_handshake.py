"""The handshake over a real server: who is let in, in which words others are turned away, and how sockets end."""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus

from clawsite.gateway.principal import Scope
from tests.clawsite.gateway.seat import Client, Gateway, Line, Refused, connect_params, principal


async def test_alice_connects_pings_and_finds_her_way_around(standing: Gateway) -> None:
    async with standing.client() as alice:
        hello = alice.hello
        assert (hello["type"], hello["protocol"], hello["snapshot"]["authMode"]) == ("hello-ok", 4, "token")
        assert hello["policy"]["maxPayload"] == 26214400
        assert {"ping", "tokens.list"} <= set(hello["features"]["methods"])
        assert "taskSuggestions.list" not in hello["features"]["methods"]
        assert hello["snapshot"]["sessionDefaults"]["mainSessionKey"] == "agent:main:main"
        assert [entry["mode"] for entry in hello["snapshot"]["presence"]] == ["gateway", "backend"]
        assert hello["auth"] == {"method": "token", "role": "operator", "scopes": sorted_scopes()}
        assert (await alice.call("ping"))["ts"] > 0
        with pytest.raises(Refused, match=r"^INVALID_REQUEST: unknown method: no\.such$"):
            await alice.call("no.such")
        with pytest.raises(Refused, match="connect is only valid as the first request"):
            await alice.call("connect", **connect_params("x"))


def sorted_scopes() -> list[str]:
    return [str(scope) for scope in Scope]


async def test_the_other_path_and_older_clients_are_welcome(standing: Gateway) -> None:
    async with standing.socket("/ws") as client:
        assert (await client.connect(standing.env_token, minProtocol=3, maxProtocol=3))["payload"]["protocol"] == 3
    async with standing.client(minProtocol=2, maxProtocol=9) as client:
        assert client.hello["protocol"] == 4
    async with standing.client(client={"id": "new", "version": "1", "platform": "x", "mode": "strange"}) as client:
        assert await client.call("ping")
    assert "a client that nobody knows connects: 'new', mode 'strange'" in standing.tail()
    async with standing.client(auth={"password": standing.env_token}) as client:
        assert await client.call("ping")


@pytest.mark.parametrize(("least", "most"), [(1, 2), (5, 6)])
async def test_a_protocol_that_nobody_speaks_is_a_mismatch(standing: Gateway, least: int, most: int) -> None:
    async with standing.socket() as client:
        answer = await client.connect(standing.env_token, minProtocol=least, maxProtocol=most)
        details = answer["error"]["details"]
        assert (answer["error"]["code"], answer["error"]["message"]) == ("INVALID_REQUEST", "protocol mismatch")
        assert (details["code"], details["expectedProtocol"], details["clientMaxProtocol"]) == (
            "PROTOCOL_MISMATCH", 4, most,
        )  # fmt: skip
        assert (await client.closed())[0] == 1002


@pytest.mark.parametrize(
    ("auth", "code", "message"),
    [
        (None, "AUTH_TOKEN_MISSING", "unauthorized: gateway token missing"),
        ({}, "AUTH_TOKEN_MISSING", "unauthorized: gateway token missing"),
        ({"token": "wrong"}, "AUTH_TOKEN_MISMATCH", "unauthorized: gateway token mismatch"),
        ({"token": "claw_00000000_" + "A" * 43}, "AUTH_TOKEN_MISMATCH", "unauthorized: gateway token mismatch"),
        ({"password": "wrong"}, "AUTH_PASSWORD_MISMATCH", "unauthorized: gateway password mismatch"),
    ],
)
async def test_charlie_without_a_right_token_stays_outside(
    standing: Gateway, auth: dict[str, str] | None, code: str, message: str
) -> None:
    async with standing.socket() as charlie:
        answer = await charlie.connect(None, **({} if auth is None else {"auth": auth}))
        error = answer["error"]
        assert (answer["ok"], error["code"], error["details"]["code"]) == (False, "INVALID_REQUEST", code)
        assert error["message"].startswith(message)
        closed, reason = await charlie.closed()
        assert (closed, reason) == (1008, error["message"][:123])


@pytest.mark.parametrize(
    ("frame", "message", "request_id"),
    [
        ({"type": "req", "id": "a", "method": "ping"}, "invalid handshake: first request must be connect", "a"),
        ({"type": "req", "id": "b", "method": "connect"}, "invalid connect params: ", "b"),
        (
            {"type": "req", "id": "c", "method": "connect", "params": {"minProtocol": 0}},
            "invalid connect params: ",
            "c",
        ),
        ({"type": "req", "id": "d", "method": "connect", "params": [1]}, "invalid connect params: ", "d"),
        ({"type": "event", "event": "x"}, "invalid request frame: ", "invalid"),
        ({"type": "req", "id": 5, "method": "connect"}, "invalid request frame: ", "invalid"),
    ],
)
async def test_a_first_frame_that_is_not_connect_ends_the_socket(
    standing: Gateway, frame: dict[str, Any], message: str, request_id: str
) -> None:
    async with standing.socket() as charlie:
        await charlie.say(**frame)
        answer = await charlie.response(request_id)
        assert answer["error"]["code"] == "INVALID_REQUEST"
        assert answer["error"]["message"].startswith(message)
        assert (await charlie.closed())[0] == 1008


async def test_another_role_is_not_spoken(standing: Gateway) -> None:
    with pytest.raises(Refused, match="unauthorized role: node"):
        async with standing.client(role="node"):
            pass


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "https://127.0.0.1", "http://127.0.0.1:1"])
async def test_a_foreign_page_does_not_get_a_socket(standing: Gateway, origin: str) -> None:
    with pytest.raises(InvalidStatus, match="403"):
        async with standing.socket(origin=origin):
            pass


async def test_a_page_of_ours_does(standing: Gateway) -> None:
    async with standing.socket(origin=f"http://127.0.0.1:{standing.port}") as client:
        assert (await client.connect(standing.env_token))["ok"]


@pytest.mark.parametrize("host", ["rebound.example", "127.0.0.1.evil.example"])
async def test_a_name_that_is_not_ours_does_not_get_a_socket(standing: Gateway, host: str) -> None:
    with pytest.raises(InvalidStatus, match="403"):
        async with standing.socket(name=host):
            pass


async def test_other_paths_are_not_the_gateway(standing: Gateway) -> None:
    with pytest.raises(InvalidStatus):
        async with standing.socket("/elsewhere"):
            pass


# --- scopes -----------------------------------------------------------------------------------------------------
async def test_scopes_are_what_was_asked_for_and_granted(standing: Gateway) -> None:
    token = await standing.make_token("bob", "read", "write")
    async with standing.client(token) as bob:
        assert bob.hello["auth"]["scopes"] == ["operator.read", "operator.write"]
        with pytest.raises(Refused, match=r"^FORBIDDEN: missing scope: operator\.admin$") as refused:
            await bob.call("tokens.list")
        assert refused.value.error["details"] == {
            "code": "MISSING_SCOPE",
            "missingScope": "operator.admin",
            "requiredScopes": ["operator.admin"],
        }
    async with standing.client(token, scopes=["operator.read", "operator.talk"]) as bob:
        assert bob.hello["auth"]["scopes"] == ["operator.read"]
    async with standing.client(token, scopes=["operator.admin"]) as bob:
        assert bob.hello["auth"]["scopes"] == ["operator.read", "operator.write"]


async def test_a_probe_that_asks_for_nothing_gets_nothing(standing: Gateway) -> None:
    probe = {"id": "openclaw-probe", "version": "1", "platform": "linux", "mode": "probe"}
    async with standing.client(client=probe, minProtocol=3) as charlie:
        assert charlie.hello["auth"]["scopes"] == []
        with pytest.raises(Refused, match="missing scope"):
            await charlie.call("ping")


async def test_methods_run_without_a_socket_too() -> None:
    assert (await Line().call("ping"))["ts"] > 0
    with pytest.raises(Refused, match=r"missing scope: operator\.read"):
        await Line(principal("charlie", Scope.PAIRING)).call("ping")


# --- limits of the handshake ------------------------------------------------------------------------------------
async def test_frames_sent_behind_connect_are_answered_after_it(standing: Gateway) -> None:
    async with standing.socket() as client:
        await client.say(type="req", id="connect", method="connect", params=connect_params(standing.env_token))
        for number in range(15):
            await client.say(type="req", id=f"p{number}", method="ping")
        assert (await client.response("connect"))["ok"]
        for number in range(15):
            assert (await client.response(f"p{number}"))["ok"]


async def test_too_many_frames_behind_a_connect_end_the_socket(standing: Gateway) -> None:
    async with standing.socket() as client:
        await client.say(type="req", id="connect", method="connect", params=connect_params("wrong"))
        for number in range(16):
            await client.say(type="req", id=f"p{number}", method="ping")
        assert await client.closed() == (1008, "too many pending handshake frames")


async def test_few_but_large_frames_behind_a_connect_end_the_socket(standing: Gateway) -> None:
    async with standing.socket() as charlie:
        await charlie.say(type="req", id="connect", method="connect", params=connect_params("wrong"))
        for number in range(2):
            await charlie.say(type="req", id=f"p{number}", method="ping", params={"x": "y" * 40_000})
        assert await charlie.closed() == (1008, "too many pending handshake frames")


async def test_a_large_frame_of_a_stranger_ends_the_socket(standing: Gateway) -> None:
    async with standing.socket() as charlie:
        await charlie.event("connect.challenge")
        await charlie.socket.send("x" * (64 * 1024 + 1))
        assert (await charlie.closed())[0] == 1009
    async with standing.client() as alice:
        await alice.say(type="req", id="big", method="ping", params={"x": "y" * 300_000})
        assert "unknown field" in (await alice.response("big"))["error"]["message"]


async def test_frames_over_the_limit_close_with_a_code(standing: Gateway) -> None:
    async with standing.client() as alice:
        with suppress(ConnectionClosed):
            await alice.socket.send("x" * (25 * 1024 * 1024 + 1))
        assert (await alice.closed())[0] == 1009


async def test_a_restart_is_announced(gateway: Gateway) -> None:
    async with gateway.client() as alice, gateway.socket() as stranger:
        await stranger.event("connect.challenge")
        gateway.process.terminate()
        event = await alice.event("shutdown")
        assert event["payload"] == {"reason": "gateway restarting", "restartExpectedMs": 1500}
        assert await alice.closed() == (1012, "service restart")
        assert (await stranger.closed())[0] == 1012
    assert await asyncio.to_thread(gateway.process.wait, 60) == 0


async def test_a_binary_frame_is_json_too(standing: Gateway) -> None:
    async with standing.client() as alice:
        await alice.socket.send(json.dumps({"type": "req", "id": "b", "method": "ping"}).encode())
        assert (await alice.response("b"))["ok"]


async def test_arrivals_are_told_with_a_version(standing: Gateway) -> None:
    async with standing.client() as alice:
        async with standing.client(client={"id": "two", "version": "1", "platform": "x", "mode": "ui"}):
            event = await told(alice, ["gateway", "backend", "ui"])
            assert event["stateVersion"]["presence"] > alice.hello["snapshot"]["stateVersion"]["presence"]
        after = await told(alice, ["gateway", "backend"])
        assert after["stateVersion"]["presence"] > event["stateVersion"]["presence"]
        numbers = [frame["seq"] for frame in alice.events if "seq" in frame]
        assert numbers == list(range(1, len(numbers) + 1))


async def told(client: Client, modes: list[str]) -> dict[str, Any]:
    """Return the event that says that these are here; that she herself came may have been told before it."""
    while True:
        frame = await client.read()
        if frame.get("event") == "presence" and [each["mode"] for each in frame["payload"]["presence"]] == modes:
            return frame


async def test_the_list_of_who_is_here_is_never_one_of_before(standing: Gateway) -> None:
    async with standing.client() as alice:
        alone = await alice.call("system-presence")
        async with standing.client() as other:
            for viewer in (alice, other):
                assert len(await viewer.call("system-presence")) == len(alone) + 1
