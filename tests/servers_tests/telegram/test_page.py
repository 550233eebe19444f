"""The page with which a person plays a Telegram user, in a real browser."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.e2e.browser import open_browser
from tests.servers.telegram import TelegramServer
from tests.servers.telegram.call import METHODS, Call


@pytest.mark.browser
def test_a_person_can_chat(telegram_server: TelegramServer, chromium: str) -> None:
    alice = telegram_server.add_user("Alice <script>alert(1)</script>")["id"]
    problems: list[str] = []
    with open_browser(chromium) as browser:
        page = browser.new_page()
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("console", lambda line: problems.append(line.text) if line.type == "error" else None)
        page.goto(telegram_server.url)
        page.fill("#text", "hello <b>there</b>")
        page.press("#text", "Enter")
        expect(page.locator(".message.mine .body")).to_have_text("hello <b>there</b>")
        update = telegram_server.pending_updates()[0]
        assert update["message"]["text"] == "hello <b>there</b>"
        _say(telegram_server, alice)
        expect(page.locator(".message .body b")).to_have_text("Sure 😀")
        expect(page.locator(".message .body i")).to_have_text("really")
        page.click("text=Go on")
        telegram_server.wait_for(lambda: "callback_query" in telegram_server.pending_updates()[-1])
        page.set_input_files("#file", {"name": "notes.txt", "mimeType": "text/plain", "buffer": b"abc"})
        page.click("#composer button")
        expect(page.locator(".file-link")).to_have_text("File: notes.txt (1 KB)")
    assert problems == []


def _say(server: TelegramServer, chat_id: int) -> None:
    """The bot says something with entities and a button."""
    markup = {"inline_keyboard": [[{"text": "Go on", "callback_data": "go"}]]}
    params = {"chat_id": chat_id, "text": "<b>Sure 😀</b> <i>really</i>", "parse_mode": "HTML", "reply_markup": markup}
    bot = server.world.find_bot(None)
    call = Call(bot=bot, world=server.world, files=server.files, params=params, uploads={})
    server.on_loop(lambda: METHODS["sendmessage"](call))
