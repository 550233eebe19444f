"""Whatever comes in, the answer is precise, the socket stays, others notice nothing, and the log has no error."""

from __future__ import annotations

import asyncio
import json
import random
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from websockets.exceptions import ConnectionClosedError

from clawsite.gateway.intake import BadFrame, parse_request
from clawsite.rpc.frames import Request
from tests.clawsite.gateway.seat import Client, Gateway, standing_gateway

PING = '{"type":"req","id":"%s","method":"ping"}'
BAD: list[tuple[str | bytes, str, str]] = [
    ("", "invalid", "Input data was truncated"),
    ("{", "invalid", "Input data was truncated"),
    ("null", "invalid", "Expected `object`"),
    ("[]", "invalid", "Expected `object`"),
    ('{"type":"req","id":"1","method":"ping"} x', "invalid", "trailing"),
    ('{"type":"res","id":"1","ok":true}', "1", "Invalid value 'res'"),
    ('{"type":"req","id":"2"}', "2", "missing required field `method`"),
    ('{"type":"req","id":"3","method":7}', "3", "Expected `str`"),
    ('{"type":"req","id":{},"method":"ping"}', "invalid", "Expected `str`"),
    ('{"type":"req","id":"","method":"ping"}', "invalid", "id must have 1 to 128"),
    ('{"type":"req","id":"%s","method":"ping"}' % ("x" * 129), "invalid", "id must have 1 to 128"),
    ('{"type":"req","id":"4","method":""}', "4", "method must have 1 to 128"),
    ('{"type":"req","id":"5","method":"ping","params":{"a":NaN}}', "invalid", "malformed"),
    ('{"type":"req","id":"6","method":"ping","params":{"a":"\\ud800"}}', "invalid", ""),
    ('{"type":"req","id":"7","method":"ping","params":{"a":"\\u0000"}}', "7", "NUL"),
    ('{"type":"req","id":"n","method":"ping","params":[1e999,"\\u0000"]}', "n", "out of range"),
    ('{"type":"req","id":"8\\u0000","method":"ping"}', "8\0", "NUL"),
    ('{"type":"req","id":"9","method":"ping","params":' + "[" * 100_000 + "]" * 100_000 + "}", "invalid", "too deeply"),
    (b'{"type":"req","id":"\xff","method":"ping"}', "invalid", "UTF-8"),
    (b"\x00\x01\x02", "invalid", ""),
]


@pytest.mark.parametrize(("frame", "request_id", "message"), BAD)
async def test_a_bad_frame_is_answered_and_the_socket_stays(
    standing: Gateway, frame: str | bytes, request_id: str, message: str
) -> None:
    async with standing.client() as alice:
        await alice.socket.send(frame)
        error = (await alice.response(request_id))["error"]
        assert error["code"] == "INVALID_REQUEST"
        assert error["message"].startswith("invalid request frame: ")
        assert message in error["message"]
        assert "Traceback" not in error["message"]
        assert await alice.call("ping")


@pytest.mark.parametrize("params", ["[]", '"x"', "7", '{"a":1}', '{"a":1e999}', '{"a":' + "9" * 400 + "}"])
async def test_bad_params_are_named(standing: Gateway, params: str) -> None:
    async with standing.client() as alice:
        await alice.socket.send('{"type":"req","id":"p","method":"ping","params":' + params + "}")
        error = (await alice.response("p"))["error"]
        assert (error["code"], error["message"][:21]) == ("INVALID_REQUEST", "invalid ping params: ")


async def test_the_escape_of_a_nul_is_text_and_null_params_are_none(standing: Gateway) -> None:
    async with standing.client() as alice:
        await alice.socket.send('{"type":"req","id":"1","method":"no.\\\\u0000","params":null}')
        assert (await alice.response("1"))["error"]["message"] == "unknown method: no.\\u0000"
        await alice.socket.send('{"type":"req","id":"2","method":"ping","params":null,"traceparent":"x","more":[1]}')
        assert (await alice.response("2"))["ok"]


async def test_the_same_id_twice_is_answered_twice(standing: Gateway) -> None:
    async with standing.client() as alice:
        for _ in range(2):
            await alice.socket.send(PING % "same")
        assert [(await alice.response("same"))["ok"] for _ in range(2)] == [True, True]


async def test_a_frame_in_pieces_is_one_frame(standing: Gateway) -> None:
    async with standing.client() as alice:
        await alice.socket.send(iter(['{"type":"req",', '"id":"f",', '"method":"ping"}']))
        assert (await alice.response("f"))["ok"]


@pytest.mark.parametrize("filling", [b"", b"x" * 70_000], ids=["small", "large"])
@pytest.mark.parametrize("pieces", [1, 2])
async def test_a_text_that_is_no_utf8_is_answered_however_it_comes(
    standing: Gateway, filling: bytes, pieces: int
) -> None:
    frame = b'{"type":"req","id":"\xff","method":"ping","params":{"a":"' + filling + b'"}}'
    half = len(frame) // pieces
    async with standing.client() as alice:
        await alice.socket.send([frame[:half], frame[half:]] if pieces > 1 else frame, text=True)
        error = (await alice.response("invalid"))["error"]
        assert "UTF-8" in error["message"]
        assert await alice.call("ping")


def mutate(text: str, dice: random.Random) -> bytes:
    """Return a frame with something wrong in it, most of the time."""
    data = bytearray(text.encode())
    for _ in range(dice.randrange(1, 4)):
        at = dice.randrange(len(data) + 1)
        match dice.randrange(5):
            case 0:
                data[at:at] = bytes([dice.randrange(256)])
            case 1:
                del data[at : at + dice.randrange(1, 5)]
            case 2:
                data[at : at + 1] = dice.choice(
                    [b"{", b"}", b'"', b"\\", b"[", b"null", b"1e999", b"\\u0000", b"\xed\xa0"]
                )
            case 3:
                data[at:at] = data[dice.randrange(len(data) + 1) :][:20]
            case _:
                data = data[:at]
        data = data or bytearray(b" ")
    return bytes(data)


async def test_thousands_of_mutated_frames_disturb_nobody(standing: Gateway) -> None:
    dice = random.Random(7)
    frame = json.dumps({"type": "req", "id": "m", "method": "tokens.create", "params": {"name": "x", "scopes": ["z"]}})
    async with standing.client() as alice, standing.client() as mallory:
        for _ in range(40):
            for _ in range(100):
                await mallory.socket.send(mutate(frame, dice))
            await mallory.say(type="req", id="end", method="ping")
            assert (await mallory.response("end", timeout=30))["ok"]
            assert await alice.call("ping")
    assert "Traceback" not in standing.tail()
    assert "unexpected error" not in standing.tail()


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.one_of(
        st.binary(max_size=200),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
            lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
            max_leaves=20,
        ).map(lambda v: json.dumps(v).encode()),
    )
)
def test_any_bytes_are_a_request_or_a_bad_frame(data: bytes) -> None:
    outcome = parse(data)
    if isinstance(outcome, BadFrame):
        assert outcome.message.startswith("invalid request frame: ")
        assert 0 < len(outcome.request_id) <= 128
        msgspec.json.encode([outcome.message, outcome.request_id])
    else:
        assert isinstance(outcome, Request)


def parse(data: bytes) -> Request | BadFrame:
    """Return what became of some bytes."""
    try:
        return parse_request(data)
    except BadFrame as error:
        return error


async def test_who_floods_is_refused_and_then_closed(standing: Gateway) -> None:
    """Over the rate: a cheap refusal; going on like that: 1008. Others are answered meanwhile."""
    async with standing.client() as alice, standing.socket() as mallory:
        await mallory.connect(standing.env_token)
        flood = asyncio.create_task(send_many(mallory, 400_000))
        for _ in range(20):
            assert await asyncio.wait_for(alice.call("ping"), 5)
        flood.cancel()
        await asyncio.gather(flood, return_exceptions=True)
        mallory.socket.transport.abort()  # to close properly takes as long as the rest of the flood


async def test_who_floods_with_what_is_no_request_is_closed_too(tmp_path: Path) -> None:
    with standing_gateway(tmp_path, CLAW_GATEWAY_RATE="100") as strict:
        async with strict.client() as alice, strict.socket() as mallory:
            await mallory.connect(strict.env_token)
            with pytest.raises(ConnectionClosedError, match="too many requests"):
                await talk_nonsense(mallory)
            assert await alice.call("ping")


async def talk_nonsense(client: Client) -> None:
    """Send what is no request and read the answers, on and on."""
    for _ in range(200):
        for _ in range(50):
            await client.socket.send("{")
        for _ in range(50):
            await client.read()


async def send_many(client: Client, number: int) -> None:
    """Send pings as fast as the socket takes them, reading nothing."""
    for _ in range(number):
        await client.socket.send(PING % "x")
