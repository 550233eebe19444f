"""What goes wrong on the platform becomes one error that says what helps, and never shows the token."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import httpx
import pytest
from telegram.error import (
    BadRequest,
    ChatMigrated,
    Conflict,
    EndPointNotFound,
    Forbidden,
    InvalidToken,
    NetworkError,
    RetryAfter,
    TelegramError,
    TimedOut,
)

from bots.channels.base import Account, Address, Button, OutboundMessage, Part
from bots.channels.telegram.adapter import TelegramAdapter
from bots.channels.telegram.errors import InvalidAnswer, seconds_of, to_channel_error
from bots.channels.testing import channel_error
from tests.bots.channels.telegram.platform import TelegramPlatform
from tests.servers.telegram.server import TelegramServer

TOKEN = "123456:" + "A" * 35
HELLO = Part(body="<b>hello</b>", fallback="hello")


def caused(error: TelegramError, cause: Exception) -> TelegramError:
    """The error as the library raises it from an error of its transport."""
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (RetryAfter(timedelta(seconds=7)), {"retry_after": 7.0}),
        (BadRequest("Can't parse entities: unsupported start tag"), {"bad_markup": True}),
        (BadRequest("Message to edit not found"), {"gone": True}),
        (BadRequest("Message can't be edited"), {"gone": True}),
        (BadRequest("MESSAGE_ID_INVALID"), {"gone": True}),
        (BadRequest("There is no text in the message to edit"), {"gone": True}),
        (BadRequest("Chat not found"), {"permanent": True}),
        (BadRequest("Message is too long"), {"permanent": True}),
        (Forbidden("Forbidden: bot was blocked by the user"), {"permanent": True}),
        (Forbidden("Forbidden: bot was kicked from the group chat"), {"permanent": True}),
        (Forbidden("Forbidden: user is deactivated"), {"permanent": True}),
        (ChatMigrated(-100777), {"moved_to": "-100777"}),
        (InvalidToken("Not Found"), {"retry_after": 60.0, "whole_bot": True}),
        (EndPointNotFound("Endpoint not found"), {"retry_after": 60.0, "whole_bot": True}),
        (Conflict("terminated by other getUpdates request"), {"whole_bot": True}),
        (caused(TimedOut("Pool timeout"), httpx.PoolTimeout("")), {}),
        (caused(TimedOut(), httpx.ConnectTimeout("")), {}),
        (caused(TimedOut(), httpx.ReadTimeout("")), {"unsent": False}),
        (caused(TimedOut(), httpx.WriteTimeout("")), {"unsent": False}),
        (caused(NetworkError("httpx.ConnectError"), httpx.ConnectError("")), {}),
        (caused(NetworkError("httpx.ReadError"), httpx.ReadError("")), {"unsent": False}),
        (caused(NetworkError("cut"), httpx.RemoteProtocolError("")), {"unsent": False}),
        (NetworkError("Bad Gateway (502)"), {}),
        (NetworkError("Internal Server Error"), {}),
        (NetworkError("Gateway Timeout (504)"), {"unsent": False}),
        (NetworkError("Request Entity Too Large (413)"), {"permanent": True}),
        (InvalidAnswer("The answer is not JSON."), {"unsent": False}),
        (TelegramError("something new"), {"unsent": False}),
    ],
)
def test_mapping(error: TelegramError, expected: dict[str, Any]) -> None:
    found = to_channel_error(error, token=TOKEN, whole_bot=False)
    whole = {
        "permanent": False, "retry_after": None, "unsent": True, "bad_markup": False, "gone": False,
        "moved_to": "", "whole_bot": False,
    } | expected  # fmt: skip
    assert {key: getattr(found, key) for key in whole} == whole
    assert found.retryable is not found.permanent


@pytest.mark.parametrize("value", [5, 5.0, timedelta(seconds=5)])
def test_waiting_times_of_every_version(value: Any) -> None:
    assert seconds_of(value) == 5.0


def test_messages_are_short_and_without_the_token() -> None:
    page = f"Bad Gateway (502). Parsing the server response b'<html>{'x' * 5000}' failed"
    assert to_channel_error(NetworkError(page), token=TOKEN, whole_bot=False).message == "Telegram: Bad Gateway (502)"
    leak = NetworkError(f"no route to https://example.org/bot{TOKEN}/sendMessage {'y' * 5000}")
    message = to_channel_error(leak, token=TOKEN, whole_bot=False).message
    assert TOKEN not in message
    assert len(message) < 200
    odd = to_channel_error(NetworkError("at 1:short/x"), token="1:short", whole_bot=False)
    assert "1:short" not in odd.message


# --- against the emulator -----------------------------------------------------------------------------------------
async def test_flood_of_a_chat_and_of_the_bot(
    adapter: TelegramAdapter, platform: TelegramPlatform, server: TelegramServer
) -> None:
    server.fault("status", method="sendMessage", status=429, retry_after=9)
    error = await channel_error(adapter.send(platform.address(), HELLO))
    assert (error.retry_after, error.whole_bot, error.permanent) == (9.0, False, False)
    server.fault("status", method="answerCallbackQuery", status=429, retry_after=9)
    error = await channel_error(adapter.answer_callback("1"))
    assert error.whole_bot


async def test_blocked_by_the_user(
    adapter: TelegramAdapter, platform: TelegramPlatform, server: TelegramServer
) -> None:
    server.set_blocked(platform.alice)
    error = await channel_error(adapter.send(platform.address(), HELLO))
    assert error.permanent
    assert "blocked" in error.message


async def test_group_that_moved(adapter: TelegramAdapter, server: TelegramServer, platform: TelegramPlatform) -> None:
    group = server.add_group("Ops", members=[platform.alice], basic=True)
    new = server.migrate_group(group["id"])
    error = await channel_error(adapter.send(Address(chat_id=str(group["id"])), HELLO))
    assert (error.moved_to, error.permanent) == (str(new), False)
    assert await adapter.send(Address(chat_id=str(new)), HELLO)


async def test_bad_markup_then_plain(adapter: TelegramAdapter, platform: TelegramPlatform) -> None:
    broken = Part(body="<b>hello", fallback="hello")
    error = await channel_error(adapter.send(platform.address(), broken))
    assert error.bad_markup
    await adapter.send(platform.address(), broken, plain=True)
    assert platform.shown() == ["hello"]


async def test_edit_of_a_deleted_message(adapter: TelegramAdapter, platform: TelegramPlatform) -> None:
    remote_id = await adapter.send(platform.address(), HELLO)
    await adapter.delete(platform.address(), remote_id)
    error = await channel_error(adapter.edit(platform.address(), remote_id, HELLO))
    assert error.gone


@pytest.mark.faults
async def test_cut_before_and_after_the_server_took_it(
    adapter: TelegramAdapter, platform: TelegramPlatform, server: TelegramServer
) -> None:
    server.fault("cut_after", method="sendMessage")
    error = await channel_error(adapter.send(platform.address(), HELLO))
    assert (error.unsent, error.permanent) == (False, False)
    assert platform.shown() == ["hello"]
    server.fault("cut_before", method="sendMessage")
    error = await channel_error(adapter.send(platform.address(), HELLO))
    assert (error.unsent, error.permanent) == (False, False)
    assert platform.shown() == ["hello"]


@pytest.mark.faults
async def test_refused_connection_is_certainly_unsent(
    adapter: TelegramAdapter, platform: TelegramPlatform, server: TelegramServer
) -> None:
    await server.http.close()
    error = await channel_error(adapter.send(platform.address(), HELLO))
    assert (error.unsent, error.permanent) == (True, False)
    await server.http.open()
    assert await adapter.send(platform.address(), HELLO)


@pytest.mark.faults
async def test_garbage_for_an_answer(
    adapter: TelegramAdapter, platform: TelegramPlatform, server: TelegramServer, caplog: pytest.LogCaptureFixture
) -> None:
    server.fault("garbage", method="sendMessage")
    error = await channel_error(adapter.send(platform.address(), HELLO))
    assert (error.unsent, error.permanent) == (False, False)
    assert caplog.records == []


@pytest.mark.parametrize("status", [500, 502, 503])
async def test_server_errors_may_be_repeated(
    adapter: TelegramAdapter, platform: TelegramPlatform, server: TelegramServer, status: int
) -> None:
    server.fault("status", method="sendMessage", status=status)
    error = await channel_error(adapter.send(platform.address(), HELLO))
    assert (error.unsent, error.permanent, error.retry_after) == (True, False, None)


async def test_wrong_token(server: TelegramServer) -> None:
    adapter = TelegramAdapter(Account(channel_id=1, name="tg", token=TOKEN, config={"api_url": server.url}))
    error = await channel_error(adapter.open())
    assert (error.retry_after, error.permanent) == (60.0, False)
    assert "BotFather" in error.message
    await adapter.close()


@pytest.mark.parametrize("token", ["", "abc", "1:a b", "1:a/../b", "1:a\n", "bot1:abc", "1:é"])
async def test_token_that_cannot_be_one_is_not_even_tried(token: str) -> None:
    adapter = TelegramAdapter(Account(channel_id=1, name="tg", token=token, config={"api_url": "http://127.0.0.1:9"}))
    error = await channel_error(adapter.open())
    assert error.permanent


async def test_nothing_is_sent_before_open(platform: TelegramPlatform) -> None:
    adapter = TelegramAdapter(platform.account())
    error = await channel_error(adapter.send(platform.address(), HELLO))
    assert (error.permanent, error.unsent) == (False, True)


async def test_token_is_in_no_error_and_no_log(
    adapter: TelegramAdapter, platform: TelegramPlatform, server: TelegramServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    calls: list[Callable[[], Awaitable[object]]] = [
        lambda: adapter.send(platform.address(), HELLO),
        lambda: adapter.edit(platform.address(), "1", HELLO),
        lambda: adapter.answer_callback("x"),
        lambda: adapter.typing(platform.address()),
    ]
    for kind in ("cut_after", "garbage", "status"):
        for call in calls:
            server.fault(kind, status=502)
            error = await channel_error(call())
            shown = "".join(traceback.format_exception(error)) + repr(error)
            assert server.token not in shown
    assert server.token not in caplog.text


async def test_button_that_the_server_refuses_is_permanent(
    adapter: TelegramAdapter, platform: TelegramPlatform
) -> None:
    buttons = ((Button(label="x", data="y" * 65),),)
    (part,) = adapter.render(OutboundMessage(text="x", buttons=buttons))
    error = await channel_error(adapter.send(platform.address(), part))
    assert error.permanent
