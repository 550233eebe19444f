"""The emulator as a process of its own: the same controls over HTTP."""

from __future__ import annotations

import time

import httpx
import pytest
from telegram import Bot

from tests.servers.control import ControlError
from tests.servers.telegram import DEFAULT_TOKEN, TelegramControl
from tests.servers_tests.telegram.pictures import png


async def test_controls_over_http(telegram_process: TelegramControl) -> None:
    alice = telegram_process.add_user("Alice")["id"]
    telegram_process.user_sends(alice, "look", photo=png(), file_name="p.png")
    root = telegram_process.url
    async with Bot(DEFAULT_TOKEN, base_url=f"{root}/bot", base_file_url=f"{root}/file/bot") as bot:
        message = (await bot.get_updates(timeout=1))[0].message
        assert message is not None
        file = await message.photo[-1].get_file()
        assert bytes(await file.download_as_bytearray()) == png()
        since = telegram_process.last_call()
        await bot.send_message(alice, "seen")
    assert [m["text"] for m in telegram_process.wait_for_bot(alice)] == ["seen"]
    assert [call["method"] for call in telegram_process.calls(since=since)] == ["sendMessage"]


def test_wrong_operations_are_refused(telegram_process: TelegramControl) -> None:
    with pytest.raises(ControlError, match="no operation 'nonsense'"):
        telegram_process.control("nonsense")
    with pytest.raises(ControlError, match="unexpected keyword"):
        telegram_process.control("users", colour="red")


def test_a_form_of_another_page_cannot_control(telegram_process: TelegramControl) -> None:
    answer = httpx.post(f"{telegram_process.url}/control/users", data={"x": "1"})
    assert answer.status_code == 400
    assert "application/json" in answer.json()["error"]


def test_a_later_run_does_not_repeat_the_ids_of_an_earlier_one(telegram_process: TelegramControl) -> None:
    before = int(time.time()) - 600
    alice = telegram_process.add_user("Alice")["id"]
    group = telegram_process.add_group("Friends")["id"]
    for chat in (alice, group):
        sent = telegram_process.user_sends(chat, "hello", user_id=alice)
        assert sent["message_id"] > before
        assert sent["update_id"] > before
