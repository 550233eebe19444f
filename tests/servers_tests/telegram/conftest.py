"""A real `telegram.Bot` that talks to the emulator, and Alice who talks to the bot."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from telegram import Bot
from telegram.request import HTTPXRequest

from tests.servers.telegram import TelegramServer


@pytest.fixture
async def bot(telegram_server: TelegramServer) -> AsyncIterator[Bot]:
    root = telegram_server.url
    request = HTTPXRequest(read_timeout=3, connect_timeout=1)
    made = Bot(telegram_server.token, base_url=f"{root}/bot", base_file_url=f"{root}/file/bot", request=request)
    async with made:
        yield made


@pytest.fixture
def alice(telegram_server: TelegramServer) -> int:
    """The id of Alice and of her private chat with the bot."""
    return int(telegram_server.add_user("Alice Admin", username="alice1")["id"])
