"""Delivery by webhook: secret, order, repetition."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from telegram import Bot
from telegram.error import BadRequest, Conflict

from tests.servers.http import HttpServer
from tests.servers.telegram import TelegramServer
from tests.servers.wire import Request, Response


class Receiver:
    """A webhook that answers what it is told to and keeps what it got."""

    def __init__(self) -> None:
        self.got: list[dict[str, Any]] = []
        self.secrets: list[str | None] = []
        self.statuses: list[int] = []
        self.reply: dict[str, Any] | None = None
        self.http = HttpServer(self.handle)

    def handle(self, request: Request) -> Response:
        status = self.statuses.pop(0) if self.statuses else 200
        self.secrets.append(request.headers.get("x-telegram-bot-api-secret-token"))
        if status == 200:
            self.got.append(request.json())
        return Response.from_json(self.reply or {}, status)

    def texts(self) -> list[str]:
        return [update["message"]["text"] for update in self.got]


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    made = Receiver()
    await made.http.open()
    yield made
    await made.http.stop()


async def test_updates_arrive_in_order_with_the_secret(
    telegram_server: TelegramServer, bot: Bot, alice: int, receiver: Receiver
) -> None:
    telegram_server.user_sends(alice, "before")
    await bot.set_webhook(f"{receiver.http.url}/hook", secret_token="s3cret_-")
    for number in range(5):
        telegram_server.user_sends(alice, str(number))
    await telegram_server.await_for(lambda: len(receiver.got) == 6)
    assert receiver.texts() == ["before", "0", "1", "2", "3", "4"]
    assert set(receiver.secrets) == {"s3cret_-"}
    await telegram_server.await_for(lambda: not telegram_server.pending_updates())


async def test_errors_are_repeated_until_2xx(
    telegram_server: TelegramServer, bot: Bot, alice: int, receiver: Receiver
) -> None:
    receiver.statuses = [503, 500]
    await bot.set_webhook(f"{receiver.http.url}/hook")
    telegram_server.user_sends(alice, "again and again")
    telegram_server.user_sends(alice, "behind it")
    await telegram_server.await_for(lambda: len(receiver.got) == 2)
    assert receiver.texts() == ["again and again", "behind it"]
    info = await bot.get_webhook_info()
    assert info.last_error_message == "Wrong response from the webhook: 500 Internal Server Error"
    state = telegram_server.webhook()
    assert state is not None
    assert (state["delivered"], state["attempts"]) == (2, 4)


async def test_a_closed_door_is_tried_again(
    telegram_server: TelegramServer, bot: Bot, alice: int, receiver: Receiver
) -> None:
    await receiver.http.close()
    await bot.set_webhook(f"{receiver.http.url}/hook")
    telegram_server.user_sends(alice, "wait for me")
    await telegram_server.await_for(lambda: (telegram_server.webhook() or {})["attempts"] >= 1)
    await receiver.http.open()
    await telegram_server.await_for(lambda: receiver.texts() == ["wait for me"])


async def test_every_nth_update_is_posted_twice(
    telegram_server: TelegramServer, bot: Bot, alice: int, receiver: Receiver
) -> None:
    telegram_server.set_options(repeat_every=2, next_update_id=1000)
    await bot.set_webhook(f"{receiver.http.url}/hook")
    for number in range(3):
        telegram_server.user_sends(alice, str(number))
    await telegram_server.await_for(lambda: len(receiver.got) == 5)
    assert sorted(update["update_id"] for update in receiver.got) == [1000, 1000, 1001, 1002, 1002]


async def test_polling_and_webhook_exclude_each_other(
    telegram_server: TelegramServer, bot: Bot, receiver: Receiver
) -> None:
    await bot.set_webhook(f"{receiver.http.url}/hook")
    with pytest.raises(Conflict, match="can't use getUpdates method while webhook is active"):
        await bot.get_updates(timeout=0)
    await bot.delete_webhook()
    assert await bot.get_updates(timeout=0) == ()
    assert telegram_server.webhook() is None


async def test_the_answer_may_call_a_method(
    telegram_server: TelegramServer, bot: Bot, alice: int, receiver: Receiver
) -> None:
    receiver.reply = {"method": "sendMessage", "chat_id": alice, "text": "by return"}
    await bot.set_webhook(f"{receiver.http.url}/hook")
    telegram_server.user_sends(alice, "hello")
    await telegram_server.await_for(lambda: telegram_server.bot_messages(alice))
    assert telegram_server.bot_messages(alice)[0]["text"] == "by return"


async def test_pending_updates_can_be_dropped(telegram_server: TelegramServer, bot: Bot, alice: int) -> None:
    telegram_server.user_sends(alice, "old")
    await bot.delete_webhook(drop_pending_updates=True)
    assert telegram_server.pending_updates() == []
    with pytest.raises(BadRequest, match="an https url must be provided"):
        await bot.set_webhook("http://example.com/hook")
