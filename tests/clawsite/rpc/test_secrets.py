"""Where a token is read from, where it goes, and where it must never be seen."""

from __future__ import annotations

import io
import logging
import traceback
from pathlib import Path
from typing import Any

import pytest

from clawsite.rpc import (
    BadTarget,
    ConnectionLost,
    GatewayClient,
    GatewayTarget,
    HandshakeRefused,
    RpcError,
    Unreachable,
)
from clawsite.rpc.tokens import read_token
from tests.clawsite.rpc.meeting import TOKEN, meeting, target_of, until
from tests.servers.gateway import GatewayEmulator

WRONG = "claw_wrong_and_secret"
SAID = {"code": "INVALID_REQUEST", "message": f"no: {WRONG}", "details": {"code": "X", "token": WRONG}}


def test_a_token_is_read_from_the_environment_a_file_or_a_function(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("SOME_TOKEN", " from-env \n")
    (tmp_path / "token").write_text("from-file\n")

    assert read_token("env:SOME_TOKEN") == "from-env"
    assert read_token(f"file:{tmp_path}/token") == "from-file"
    assert read_token(lambda: "from-function") == "from-function"
    assert read_token(None) == ""


@pytest.mark.parametrize("ref", ["claw_12345678_secret", "env:", "token:abc", "", "file"])
def test_a_token_in_the_place_of_a_reference_is_refused_and_not_repeated(ref: str) -> None:
    with pytest.raises(BadTarget) as caught:
        GatewayTarget(id="x", ws_url="ws://127.0.0.1:1", token_ref=ref)

    assert not ref or ref not in str(caught.value).replace("file:PATH", "").replace("env:NAME", "")


@pytest.mark.parametrize("ref", ["env:NOBODY_SETS_THIS", "file:/nowhere/at/all", "file:/"])
async def test_a_reference_that_leads_nowhere_is_a_sentence(ref: str) -> None:
    async with GatewayEmulator() as gateway:
        client = GatewayClient(target_of(gateway, token_ref=ref))
        with pytest.raises(BadTarget, match="oken"):
            await client.connect()
        await client.close()


async def test_a_token_file_is_read_again_for_each_connection(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text(TOKEN)
    async with meeting(target={"token_ref": f"file:{file}"}) as (client, gateway):
        gateway.token = "claw_next"
        file.write_text("claw_next")
        await gateway.close_all(4001, "gateway auth changed")
        await until(lambda: len(gateway.connects) == 2)
        assert await client.request("ping") == {"ok": True}


async def test_a_token_that_changes_while_it_is_refused_is_tried_again() -> None:
    tokens = iter([WRONG, TOKEN, TOKEN])
    async with GatewayEmulator() as gateway:
        client = GatewayClient(target_of(gateway, token_ref=lambda: next(tokens)))
        assert (await client.connect()).protocol == 4
        await client.close()


def everything_about(error: BaseException) -> str:
    """Return what the most talkative error report would show, local variables included."""
    shown = traceback.TracebackException.from_exception(error, capture_locals=True)
    return "".join(shown.format()) + repr(error) + str(vars(error))


@pytest.mark.parametrize("fault", [None, "silent", "cut", "garbage", "echo", "reason", "other reason"])
async def test_no_error_log_or_repr_shows_the_token(fault: str | None) -> None:
    lines = io.StringIO()
    handler = logging.StreamHandler(lines)
    loggers = [logging.getLogger(), logging.getLogger("clawsite.rpc"), logging.getLogger("clawsite.rpc.socket")]
    levels = [logger.level for logger in loggers]
    loggers[0].addHandler(handler)
    for logger in loggers:
        logger.setLevel(logging.DEBUG)
    logging.getLogger("websockets.server").setLevel(logging.WARNING)
    try:
        async with GatewayEmulator() as gateway:
            plan: dict[str, Any] = {"method": "connect", "times": None}
            if fault == "echo":
                gateway.fault("close", error=SAID, code=1008, **plan)
            elif fault is not None and fault.endswith("reason"):
                gateway.fault("close", code=1008 if fault == "reason" else 4008, reason=f"no: {WRONG}", **plan)
            elif fault is not None:
                gateway.fault(fault, **plan)
            client = GatewayClient(target_of(gateway, token_ref=lambda: WRONG), handshake_seconds=2)
            with pytest.raises((HandshakeRefused, Unreachable)) as caught:
                await client.connect()
            seen = everything_about(caught.value) + repr(client) + repr(client.target)
            await client.close()
    finally:
        loggers[0].removeHandler(handler)
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
        logging.getLogger("websockets.server").setLevel(logging.NOTSET)

    assert WRONG in str(gateway.connects)
    assert WRONG not in seen
    assert WRONG not in lines.getvalue()
    assert lines.getvalue()


async def test_a_token_that_a_gateway_sends_back_is_in_no_error_and_no_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger="clawsite.rpc")
    async with meeting() as (client, gateway):
        gateway.fault("error", "echo", error={"code": "X", "message": f"no: {TOKEN}"})
        with pytest.raises(RpcError) as refused:
            await client.request("echo")
        gateway.fault("close", "echo", code=4008, reason=f"no: {TOKEN}")
        with pytest.raises(ConnectionLost) as lost:
            await client.request("echo")
        await until(lambda: len(gateway.connects) == 2)

    assert (str(refused.value), refused.value.message) == ("echo: no: [token] [X]", "no: [token]")
    assert str(lost.value) == "The connection to the gateway ended (4008 no: [token])."
    ours = [each.getMessage() for each in caplog.records if each.name.startswith("clawsite.rpc")]
    assert any("[token]" in line for line in ours)
    assert TOKEN not in str(ours)


def test_a_proxys_password_is_not_in_the_repr() -> None:
    target = GatewayTarget(id="x", ws_url="wss://gw.example", proxy="http://user:pass-word@proxy:1")

    assert "pass-word" not in repr(target)
