"""A Bot API on loopback and an opened adapter that speaks to it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from bots.channels.telegram.adapter import TelegramAdapter
from tests.bots.channels.telegram.platform import TelegramPlatform
from tests.servers.telegram.server import TelegramServer


@pytest.fixture
async def server() -> AsyncIterator[TelegramServer]:
    """The emulator, on the test's loop."""
    async with TelegramServer() as running:
        yield running


@pytest.fixture
def platform(server: TelegramServer) -> TelegramPlatform:
    """Alice in a direct chat with the bot."""
    return TelegramPlatform(server)


@pytest.fixture
async def adapter(platform: TelegramPlatform) -> AsyncIterator[TelegramAdapter]:
    """The adapter, connected."""
    opened = TelegramAdapter(platform.account())
    await opened.open()
    yield opened
    await opened.close()
