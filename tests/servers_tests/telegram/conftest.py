"""A real `telegram.Bot` that talks to the emulator, and Alice who talks to the bot."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import httpx
import pytest
from telegram import Bot
from telegram.request import HTTPXRequest

from tests.servers.telegram import TelegramServer


def plain_request() -> HTTPXRequest:
    """A request without certificates, which take longer to load than most tests take to run."""
    return HTTPXRequest(read_timeout=20, connect_timeout=20, httpx_kwargs={"verify": False})


@pytest.fixture
async def bot(telegram_server: TelegramServer) -> AsyncIterator[Bot]:
    root = telegram_server.url
    made = Bot(
        telegram_server.token,
        base_url=f"{root}/bot",
        base_file_url=f"{root}/file/bot",
        request=plain_request(),
        get_updates_request=plain_request(),
    )
    async with made:
        yield made


@pytest.fixture
async def api(telegram_server: TelegramServer) -> AsyncIterator[Callable[..., Awaitable[Any]]]:
    """Call a method with JSON and get the whole answer, for what the library would not send or read."""
    async with httpx.AsyncClient(base_url=f"{telegram_server.url}/bot{telegram_server.token}/") as client:

        async def call(method: str, **params: Any) -> Any:
            return (await client.post(method, json=params)).json()

        yield call


@pytest.fixture(autouse=True)
def timedeltas(monkeypatch: pytest.MonkeyPatch) -> None:
    """The library warns when it still gives retry_after as a number, and warnings are errors."""
    monkeypatch.setenv("PTB_TIMEDELTA", "true")


@pytest.fixture
def alice(telegram_server: TelegramServer) -> int:
    """The id of Alice and of her private chat with the bot."""
    return int(telegram_server.add_user("Alice Admin", username="alice1")["id"])
