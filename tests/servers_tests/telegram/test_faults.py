"""Every fault switch, seen from python-telegram-bot."""

from __future__ import annotations

import time
from types import SimpleNamespace

import pytest
from telegram import Bot
from telegram.error import BadRequest, Conflict, InvalidToken, NetworkError, RetryAfter, TimedOut

from tests.servers.services import answers
from tests.servers.telegram import TelegramServer, limits


@pytest.fixture
def still(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no limit ease off while a test calls, however long the machine takes for that."""
    monkeypatch.setattr(limits, "time", SimpleNamespace(monotonic=lambda: 1000.0))


@pytest.mark.parametrize(
    ("status", "error"),
    [(500, NetworkError), (502, NetworkError), (409, Conflict), (404, InvalidToken), (401, InvalidToken)],
)
async def test_status_once(
    telegram_server: TelegramServer, bot: Bot, alice: int, status: int, error: type[Exception]
) -> None:
    telegram_server.fault("status", method="sendMessage", status=status)
    with pytest.raises(error):
        await bot.send_message(alice, "x")
    await bot.send_message(alice, "x")
    statuses = [call["status"] for call in telegram_server.calls(method="sendMessage")]
    assert statuses == [status, 200]


async def test_too_many_requests(telegram_server: TelegramServer, bot: Bot, alice: int) -> None:
    telegram_server.fault("status", status=429, retry_after=7, times=2)
    for _ in range(2):
        with pytest.raises(RetryAfter) as caught:
            await bot.send_message(alice, "x")
        assert int(caught.value._retry_after.total_seconds()) == 7
    await bot.send_message(alice, "x")


async def test_for_some_time(telegram_server: TelegramServer, bot: Bot, alice: int) -> None:
    telegram_server.fault("status", status=502, method="send*", for_seconds=0.3)
    began = time.monotonic()
    while True:
        try:
            await bot.send_message(alice, "x")
            break
        except NetworkError:
            assert time.monotonic() - began < 20
    assert time.monotonic() - began >= 0.25


async def test_delay_and_hang(telegram_server: TelegramServer, bot: Bot, alice: int) -> None:
    telegram_server.fault("delay", seconds=0.2)
    began = time.monotonic()
    await bot.send_message(alice, "late")
    assert time.monotonic() - began >= 0.2
    telegram_server.fault("hang", seconds=5)
    with pytest.raises(TimedOut):
        await bot.send_message(alice, "never", read_timeout=0.2)
    assert [message["text"] for message in telegram_server.bot_messages(alice)] == ["late"]


async def test_cut_before_reading_does_nothing(telegram_server: TelegramServer, bot: Bot, alice: int) -> None:
    telegram_server.fault("cut_before", method="sendMessage")
    with pytest.raises(NetworkError):
        await bot.send_message(alice, "lost")
    assert telegram_server.bot_messages(alice) == []
    assert telegram_server.calls(method="sendMessage") == []
    assert [fault["hits"] for fault in telegram_server.faults()] == [1]


async def test_cut_after_accepting_keeps_the_message(telegram_server: TelegramServer, bot: Bot, alice: int) -> None:
    telegram_server.fault("cut_after", method="sendMessage")
    with pytest.raises(NetworkError):
        await bot.send_message(alice, "arrived")
    assert [message["text"] for message in telegram_server.bot_messages(alice)] == ["arrived"]
    assert telegram_server.calls(method="sendMessage")[0]["fault"] == "cut_after"


async def test_garbage(telegram_server: TelegramServer, bot: Bot, alice: int) -> None:
    telegram_server.fault("garbage", method="getUpdates")
    with pytest.raises(Exception, match="Invalid server response"):
        await bot.get_updates(timeout=0)


async def test_updates_survive_a_cut_answer(telegram_server: TelegramServer, bot: Bot, alice: int) -> None:
    telegram_server.user_sends(alice, "important")
    telegram_server.fault("cut_after", method="getUpdates")
    with pytest.raises(NetworkError):
        await bot.get_updates(timeout=0)
    assert len(await bot.get_updates(timeout=0)) == 1


async def test_refused_connections_come_back(telegram_server: TelegramServer, bot: Bot, alice: int) -> None:
    telegram_server.refuse_connections(for_seconds=3.0)
    await telegram_server.await_for(lambda: not answers(telegram_server.http.port))
    with pytest.raises(NetworkError):
        await bot.send_message(alice, "x")
    await telegram_server.await_for(lambda: answers(telegram_server.http.port))
    await bot.send_message(alice, "y")


async def test_cleared_faults_do_not_happen(telegram_server: TelegramServer, bot: Bot, alice: int) -> None:
    telegram_server.fault("status", times=99)
    telegram_server.clear_faults()
    await bot.send_message(alice, "x")
    with pytest.raises(ValueError, match="unknown kind of fault"):
        telegram_server.fault("meteor")


@pytest.mark.usefixtures("still")
async def test_flood_limits(telegram_server: TelegramServer, bot: Bot, alice: int) -> None:
    telegram_server.set_limits(chat_rate=1.0, chat_burst=2.0)
    await bot.send_message(alice, "1")
    await bot.send_message(alice, "2")
    with pytest.raises(RetryAfter):
        await bot.send_message(alice, "3")
    assert telegram_server.calls(method="sendMessage")[-1]["description"] == "Too Many Requests: retry after 1"
    with pytest.raises(BadRequest, match="Chat not found"):
        await bot.send_message(4242, "unknown chats are not limited")


@pytest.mark.usefixtures("still")
async def test_group_flood_limit(telegram_server: TelegramServer, bot: Bot, alice: int) -> None:
    telegram_server.set_limits(chat_rate=1000, chat_burst=1000, group_per_minute=3)
    group = telegram_server.add_group("Team")["id"]
    for number in range(3):
        await bot.send_message(group, str(number))
    with pytest.raises(RetryAfter) as caught:
        await bot.send_message(group, "one too many")
    assert caught.value._retry_after.total_seconds() == 20
    await bot.send_message(alice, "private chats go on")


@pytest.mark.usefixtures("still")
async def test_global_flood_limit(telegram_server: TelegramServer, bot: Bot) -> None:
    telegram_server.set_limits(chat_rate=1000, chat_burst=1000, global_rate=5)
    users = [telegram_server.add_user(f"User {number}")["id"] for number in range(6)]
    for user in users[:5]:
        await bot.send_message(user, "x")
    with pytest.raises(RetryAfter):
        await bot.send_message(users[5], "x")
