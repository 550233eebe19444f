"""Connecting, staying connected, and giving up where that is right."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import time
from typing import Any

import pytest
from websockets.utils import accept_key

from clawsite.rpc import (
    ClientClosed,
    ConnectionLost,
    Gap,
    GatewayClient,
    GatewayTarget,
    HandshakeRefused,
    Hello,
    Identity,
    Unreachable,
)
from clawsite.rpc.backoff import Backoff
from tests.clawsite.rpc.meeting import TOKEN, meeting, target_of, until
from tests.servers.gateway import GatewayEmulator
from tests.servers.proxy import TcpProxy

STARTING = {"code": "UNAVAILABLE", "message": "gateway starting; retry shortly", "retryable": True, "retryAfterMs": 50}
PAIRING = {"code": "NOT_PAIRED", "message": "pairing required", "details": {"code": "PAIRING_REQUIRED"}}
WAITING = {**PAIRING, "details": {"code": "PAIRING_REQUIRED", "recommendedNextStep": "wait_then_retry"}}
LIMITED = {
    "code": "INVALID_REQUEST",
    "message": "too many",
    "details": {"code": "AUTH_RATE_LIMITED"},
    "retryAfterMs": 9,
}
OLD = {"code": "INVALID_REQUEST", "message": "protocol mismatch", "details": {"code": "PROTOCOL_MISMATCH"}}
WRONG = {**LIMITED, "details": {"code": "AUTH_TOKEN_MISMATCH"}}


async def test_the_connect_frame_says_what_a_program_without_a_device_says() -> None:
    async with meeting(client={"identity": Identity(scopes=("operator.read",))}) as (client, gateway):
        assert client.hello is not None
        assert client.hello.scopes == ("operator.read",)
        assert "ping" in client.hello.methods

    sent = gateway.connects[0]
    assert (sent["minProtocol"], sent["maxProtocol"], sent["role"]) == (3, 4, "operator")
    assert (sent["client"]["id"], sent["client"]["mode"]) == ("gateway-client", "backend")
    assert (sent["scopes"], sent["auth"]) == (["operator.read"], {"token": TOKEN})
    assert "device" not in sent


async def test_nobody_there_is_said_at_once() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        async with GatewayEmulator() as gateway:
            target = target_of(gateway, ws_url=f"ws://127.0.0.1:{free.getsockname()[1]}")
        client = GatewayClient(target)
        with pytest.raises(Unreachable, match="cannot be reached"):
            await client.connect()
        await client.close()


async def test_patience_waits_for_a_gateway_that_starts() -> None:
    async with GatewayEmulator() as gateway:
        client = GatewayClient(target_of(gateway), backoff=Backoff(first=0.02))
        gateway.fault("close", "connect", times=3, error=STARTING, code=1013)
        with pytest.raises(HandshakeRefused) as caught:
            await client.connect()
        hello = await client.connect(patience=10)
        await client.close()

    assert not caught.value.is_terminal
    assert caught.value.retry_after == 0.05
    assert hello.protocol == 4
    assert len(gateway.connects) == 4


@pytest.mark.parametrize("error", [PAIRING, OLD, WRONG])
async def test_a_final_refusal_ends_the_attempts(error: dict[str, Any]) -> None:
    async with GatewayEmulator() as gateway:
        gateway.fault("close", "connect", times=None, error=error, code=1008)
        client = GatewayClient(target_of(gateway))
        with pytest.raises(HandshakeRefused, match=error["message"]) as caught:
            await client.connect(patience=5)
        with pytest.raises(HandshakeRefused):
            await client.request("health")
        await client.close()

    assert caught.value.is_terminal
    assert caught.value.detail_code == error["details"]["code"]
    assert len(gateway.connects) == 1


@pytest.mark.parametrize("error", [WAITING, LIMITED, STARTING])
async def test_a_refusal_for_now_is_tried_again(error: dict[str, Any]) -> None:
    async with GatewayEmulator() as gateway:
        gateway.fault("close", "connect", error=error, code=1008)
        client = GatewayClient(target_of(gateway))
        assert await client.request("ping") == {"ok": True}
        await client.close()


@pytest.mark.parametrize(("code", "is_final"), [(1008, True), (1002, True), (1013, False), (1011, False)])
async def test_a_close_before_hello_is_a_refusal_or_a_failure_by_its_code(code: int, is_final: bool) -> None:
    async with GatewayEmulator() as gateway:
        gateway.fault("close", "connect", code=code, reason="because")
        client = GatewayClient(target_of(gateway))
        with pytest.raises(HandshakeRefused if is_final else Unreachable, match="because"):
            await client.connect()
        await client.close()


async def test_connect_may_be_tried_again_after_a_final_refusal() -> None:
    async with GatewayEmulator() as gateway:
        gateway.fault("close", "connect", error=PAIRING, code=1008)
        client = GatewayClient(target_of(gateway))
        with pytest.raises(HandshakeRefused):
            await client.connect()
        assert (await client.connect()).protocol == 4
        await client.close()


@pytest.mark.parametrize("code", [1000, 1001, 1008, 1011, 1012, 1013, 4001])
async def test_every_end_of_a_connection_is_followed_by_a_new_one(code: int) -> None:
    async with meeting() as (client, gateway):
        await gateway.close_all(code, "slow consumer")
        await until(lambda: len(gateway.connects) == 2)
        assert await client.request("ping") == {"ok": True}


async def test_a_gateway_that_says_nothing_is_given_up() -> None:
    async with GatewayEmulator() as gateway:
        gateway.fault("silent", "connect", times=None)
        client = GatewayClient(target_of(gateway), handshake_seconds=0.1)
        with pytest.raises(Unreachable, match="did not say hello"):
            await client.connect()
        await client.close()


async def test_a_client_that_is_closed_in_the_midst_of_a_goodbye_leaves_no_connection() -> None:
    """It gave the gateway up, which does not answer its goodbye either."""
    parting, gone = asyncio.Event(), asyncio.Event()

    async def mute(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked = (await reader.readuntil(b"\r\n\r\n")).decode()
        (key,) = (line.partition(": ")[2] for line in asked.splitlines() if line.startswith("Sec-WebSocket-Key"))
        answer = ["HTTP/1.1 101 Switching Protocols", "Upgrade: websocket", "Connection: Upgrade"]
        answer += [f"Sec-WebSocket-Accept: {accept_key(key)}", "", ""]
        writer.write("\r\n".join(answer).encode())
        await reader.readexactly(1)
        parting.set()
        with contextlib.suppress(ConnectionResetError):
            await reader.read()
        writer.close()
        gone.set()

    async with await asyncio.start_server(mute, "127.0.0.1", 0) as server:
        url = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        client = GatewayClient(GatewayTarget(id="mute", ws_url=url, token_ref=lambda: TOKEN), handshake_seconds=0.1)
        connecting = asyncio.create_task(client.connect())
        await asyncio.wait_for(parting.wait(), 10)
        await client.close()

        await asyncio.wait_for(gone.wait(), 10)
        with pytest.raises((ClientClosed, Unreachable)):
            await connecting


async def test_silence_is_noticed_though_nobody_ends_the_connection() -> None:
    async with GatewayEmulator(tick_seconds=0.1) as gateway, TcpProxy(gateway.port) as proxy:
        client = GatewayClient(target_of(proxy))
        await client.connect()
        gateway.fault("silent", "echo", times=None)
        asking = asyncio.create_task(client.request("echo", timeout=30))
        await until(lambda: gateway.count("echo"))
        proxy.pause()
        with pytest.raises(ConnectionLost, match="Nothing came") as caught:
            await asking
        proxy.resume()
        assert await client.request("ping") == {"ok": True}
        await client.close()

    assert caught.value.close_code == 4000


async def test_missing_ticks_are_noticed_though_pings_are_answered() -> None:
    async with meeting(tick_seconds=0.1) as (_, gateway):
        gateway.has_ticks = False
        await until(lambda: len(gateway.connects) == 2)


async def test_ticks_keep_a_quiet_connection() -> None:
    async with meeting(tick_seconds=0.05) as (client, gateway), client.events("tick") as ticks:
        for _ in range(12):
            await anext(ticks)
        assert len(gateway.connects) == 1


async def test_a_loop_that_stood_still_itself_takes_nobody_for_silent() -> None:
    async with meeting(tick_seconds=0.1) as (client, gateway), client.events("tick") as ticks:
        time.sleep(0.5)  # noqa: ASYNC251 - it stands still, as in a process that was stopped
        for _ in range(5):
            await anext(ticks)
        assert len(gateway.connects) == 1


async def test_unanswered_pings_end_a_connection_that_is_half_open() -> None:
    async with GatewayEmulator() as gateway, TcpProxy(gateway.port) as proxy:
        client = GatewayClient(target_of(proxy), ping_seconds=0.1)
        await client.connect()
        proxy.pause()
        await until(lambda: client.hello is None)
        proxy.resume()
        assert await client.request("ping") == {"ok": True}
        await client.close()


async def test_events_reach_those_who_listen_also_after_a_reconnect() -> None:
    hellos: list[Hello] = []
    async with meeting(client={"on_hello": hellos.append}) as (client, gateway):
        async with client.events("chat") as chats:
            await gateway.broadcast("presence", {})
            await gateway.broadcast("chat", {"n": 1})
            first = await anext(chats)
            gateway.cut_all()
            await until(lambda: len(hellos) == 2)
            await gateway.broadcast("chat", {"n": 2})
            second = await anext(chats)

        assert [event async for event in chats] == []
    assert [first.payload, second.payload] == [{"n": 1}, {"n": 2}]


async def test_a_gap_is_told() -> None:
    gaps: list[Gap] = []
    async with meeting(client={"on_gap": gaps.append}) as (client, gateway):
        everything = client.events()
        await gateway.broadcast("chat", {})
        await gateway.broadcast("chat", {}, skip=3)
        await until(lambda: gaps)
        await everything.aclose()

    assert gaps[0].received - gaps[0].expected == 3


async def test_a_slow_listener_loses_the_oldest_and_knows_how_many() -> None:
    async with meeting() as (client, gateway):
        stream = client.events("chat")
        for number in range(1010):
            await gateway.broadcast("chat", {"n": number})
        await client.request("ping")

        assert stream.missed == 10
        assert (await anext(stream)).payload == {"n": 10}


async def test_closing_the_client_ends_the_listeners() -> None:
    async with meeting() as (client, _):
        stream = client.events("chat")
        waiting = asyncio.create_task(anext(stream))
        await client.request("ping")
        await client.close()
        with pytest.raises(ClientClosed):
            await waiting


async def test_a_closed_client_connects_no_more_and_says_so() -> None:
    async with meeting() as (client, gateway):
        await client.close()
        with pytest.raises(ClientClosed):
            await asyncio.wait_for(client.connect(), 5)
        with pytest.raises(ClientClosed):
            await asyncio.wait_for(anext(client.events()), 5)

    assert len(gateway.connects) == 1


async def test_an_error_in_a_callback_does_not_cost_the_connection(caplog: pytest.LogCaptureFixture) -> None:
    def fail(hello: Hello) -> None:
        raise RuntimeError("mine")

    async with meeting(client={"on_hello": fail}) as (client, gateway):
        assert await client.request("ping") == {"ok": True}
        assert len(gateway.connects) == 1
    assert "a callback of the program failed" in caplog.text


async def test_an_error_on_the_first_of_two_answers_costs_neither_the_second_nor_the_connection(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def fail(payload: Any) -> None:
        raise RuntimeError("the program's own")

    async with meeting() as (client, gateway):
        answer = await client.request("agent", {"message": "hi"}, expect_final=True, on_accepted=fail)

    assert answer["status"] == "ok"
    assert len(gateway.connects) == 1
    assert "a callback of the program failed" in caplog.text


async def test_an_error_of_the_program_is_logged_and_followed_by_a_new_attempt(
    caplog: pytest.LogCaptureFixture,
) -> None:
    attempts = iter([True, False])

    def find_token() -> str:
        if next(attempts):
            raise RuntimeError("the vault is locked")
        return TOKEN

    async with GatewayEmulator() as gateway:
        client = GatewayClient(target_of(gateway, token_ref=find_token))
        with pytest.raises(Unreachable, match="An error in this program"):
            await client.connect()
        assert await client.request("ping") == {"ok": True}
        await client.close()

    assert "the vault is locked" in caplog.text
