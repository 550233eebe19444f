"""The way to the Telegram SDK: imported at first use and in a thread, so neither start-up nor the loop waits for it."""

from __future__ import annotations

import asyncio
import re
from importlib import import_module
from typing import TYPE_CHECKING

from bots.channels.base import ChannelError

if TYPE_CHECKING:
    from bots.channels.telegram.calls import BotApi

_TOKEN = re.compile(r"[0-9]{1,20}:[A-Za-z0-9_-]+")


async def open_api(*, token: str, api_url: str) -> BotApi:
    """Return the connections of a bot; nothing is called yet. ChannelError for a token that cannot be one."""
    if not _TOKEN.fullmatch(token):
        raise ChannelError(
            "The bot token has the wrong form. Copy it again from @BotFather.", permanent=True, whole_bot=True
        )
    return await asyncio.to_thread(_build, token, api_url)


def _build(token: str, api_url: str) -> BotApi:
    api: BotApi = import_module("bots.channels.telegram.calls").BotApi(token=token, api_url=api_url)
    return api
