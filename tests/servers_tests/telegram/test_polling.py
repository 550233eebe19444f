"""getUpdates: offsets, waiting, allowed kinds, two pollers, odd updates."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest
from telegram import Bot
from telegram.error import Conflict
from telegram.request import HTTPXRequest

from tests.servers.telegram import TelegramServer


async def test_getme_names_the_bot(bot: Bot) -> None:
    me = await bot.get_me()
    assert me.is_bot
    assert me.username == "emulated_1000000001_bot"


async def test_updates_stay_until_an_offset_confirms_them(
    telegram_server: TelegramServer, bot: Bot, alice: int
) -> None:
    ids = [telegram_server.user_sends(alice, text)["update_id"] for text in ("one", "two", "three")]
    assert [u.update_id for u in await bot.get_updates(timeout=0)] == ids
    assert [u.update_id for u in await bot.get_updates(timeout=0)] == ids
    assert [u.update_id for u in await bot.get_updates(offset=ids[1], timeout=0)] == ids[1:]
    assert [u["update_id"] for u in telegram_server.pending_updates()] == ids[1:]
    assert await bot.get_updates(offset=ids[2] + 1, timeout=0) == ()
    assert telegram_server.pending_updates() == []


async def test_limit_and_negative_offset(telegram_server: TelegramServer, bot: Bot, alice: int) -> None:
    ids = [telegram_server.user_sends(alice, str(number))["update_id"] for number in range(5)]
    assert [u.update_id for u in await bot.get_updates(limit=2, timeout=0)] == ids[:2]
    assert [u.update_id for u in await bot.get_updates(offset=-2, timeout=0)] == ids[3:]
    assert [u.update_id for u in await bot.get_updates(timeout=0)] == ids[3:], "the earlier ones are forgotten"


async def test_long_poll_answers_as_soon_as_there_is_something(
    telegram_server: TelegramServer, bot: Bot, alice: int
) -> None:
    waiting = asyncio.create_task(bot.get_updates(timeout=10))
    await telegram_server.await_for(lambda: telegram_server.calls(method="getUpdates"))
    telegram_server.user_sends(alice, "wake up")
    async with asyncio.timeout(8):
        assert [u.message.text for u in await waiting if u.message] == ["wake up"]


async def test_long_poll_ends_empty(bot: Bot) -> None:
    async with asyncio.timeout(20):
        assert await bot.get_updates(timeout=1) == ()


async def test_second_poller_ends_the_first_with_409(telegram_server: TelegramServer, bot: Bot) -> None:
    other = Bot(telegram_server.token, base_url=f"{telegram_server.url}/bot", get_updates_request=HTTPXRequest())
    async with other:
        first = asyncio.create_task(bot.get_updates(timeout=10))
        await telegram_server.await_for(lambda: telegram_server.calls(method="getUpdates"))
        second = asyncio.create_task(other.get_updates(timeout=1))
        with pytest.raises(Conflict, match="terminated by other getUpdates request"):
            await first
        assert await second == ()


async def test_a_poller_that_goes_away_leaves_the_updates(
    telegram_server: TelegramServer, bot: Bot, alice: int
) -> None:
    waiting = asyncio.create_task(bot.get_updates(timeout=10))
    await telegram_server.await_for(lambda: telegram_server.calls(method="getUpdates"))
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    telegram_server.user_sends(alice, "still here")
    assert len(await bot.get_updates(timeout=1)) == 1


async def test_allowed_updates_persist_and_apply_from_then_on(
    telegram_server: TelegramServer, bot: Bot, alice: int
) -> None:
    before = telegram_server.user_sends(alice, "before")["update_id"]
    await bot.get_updates(timeout=0, allowed_updates=["message_reaction"])
    assert telegram_server.user_sends(alice, "not wanted")["update_id"] is None
    message_id = telegram_server.messages(alice)[0]["message_id"]
    reaction = telegram_server.react(alice, message_id, "👍")
    assert [u.update_id for u in await bot.get_updates(timeout=0)] == [before, reaction]


async def test_reactions_are_not_sent_by_default(telegram_server: TelegramServer, alice: int) -> None:
    message_id = telegram_server.user_sends(alice, "hello")["message_id"]
    assert telegram_server.react(alice, message_id, "🔥") is None


async def test_old_updates_are_dropped(telegram_server: TelegramServer, bot: Bot, alice: int) -> None:
    telegram_server.user_sends(alice, "old")
    telegram_server.set_options(retention=0.0)
    assert await bot.get_updates(timeout=0) == ()


async def test_poison_is_given_and_can_be_passed(
    telegram_server: TelegramServer, api: Callable[..., Awaitable[Any]], alice: int
) -> None:
    telegram_server.inject({"message": {"message_id": "no number"}})
    after = telegram_server.user_sends(alice, "after")["update_id"]
    raw = await api("getUpdates", timeout=0)
    assert [update["update_id"] for update in raw["result"]] == [after - 1, after]
    telegram_server.inject("not even an object")
    raw = await api("getUpdates", timeout=0, offset=after + 1)
    assert raw["result"] == ["not even an object"]


async def test_repeated_and_old_ids(telegram_server: TelegramServer, bot: Bot, alice: int) -> None:
    first = telegram_server.user_sends(alice, "once")["update_id"]
    await bot.get_updates(offset=first + 1, timeout=0)
    telegram_server.repeat_update(first)
    assert [u.update_id for u in await bot.get_updates(offset=first + 1, timeout=0)] == [first]
    assert await bot.get_updates(offset=first + 1, timeout=0) == ()


async def test_every_nth_update_is_repeated(telegram_server: TelegramServer, bot: Bot, alice: int) -> None:
    telegram_server.set_options(repeat_every=2, next_update_id=1000)
    for number in range(4):
        telegram_server.user_sends(alice, str(number))
    assert [u.update_id for u in await bot.get_updates(timeout=0)] == [1000, 1001, 1002, 1003]
    assert [u.update_id for u in await bot.get_updates(offset=1004, timeout=0)] == [1000, 1002], "once more, late"
    assert await bot.get_updates(offset=1004, timeout=0) == ()


async def test_unknown_token_and_method(telegram_server: TelegramServer, api: Callable[..., Awaitable[Any]]) -> None:
    stranger = f"{telegram_server.url}/bot42:{'x' * 35}/getMe"
    async with httpx.AsyncClient() as client:
        assert (await client.get(stranger)).json()["description"] == "Unauthorized"
    assert await api("noSuchMethod") == {"ok": False, "error_code": 404, "description": "Not Found"}
    assert telegram_server.calls(method="noSuchMethod")[0]["status"] == 404


async def test_each_bot_has_its_own_updates(telegram_server: TelegramServer, bot: Bot, alice: int) -> None:
    token = "2000000002:AAAnotherTokenForTestsOnly_012345678"
    telegram_server.add_bot(token)
    telegram_server.user_sends(alice, "for the second", bot=token)
    assert await bot.get_updates(timeout=0) == ()
    async with Bot(token, base_url=f"{telegram_server.url}/bot") as second:
        assert len(await second.get_updates(timeout=0)) == 1
