"""Calls of the Bot API through python-telegram-bot. Loaded by `door.open_api` only, because the import is heavy.

`do_api_request` is used for every method: it costs less than the typed methods (0.62 against 0.74 ms of CPU for a
message), gives raw updates that can be stored before they are understood, and no field the library does not know yet
can make an accepted message look failed. Invariants: the token is in no error and no log line; every call has a time
limit; long polling has a connection of its own.
"""

from __future__ import annotations

import asyncio
import json
import re
from functools import lru_cache
from typing import IO, Any
from urllib.parse import quote

import httpx
from telegram import Bot, InputFile
from telegram.error import BadRequest, TelegramError
from telegram.request import HTTPXRequest

from bots.channels.base import ChannelError
from bots.channels.telegram.errors import InvalidAnswer, to_channel_error, to_download_error
from bots.tls import shared_context

POOL = 32
CONNECT_SECONDS = 5.0
READ_SECONDS = 20.0
UPLOAD_SECONDS = 60.0
CHUNK = 256 * 1024
# Telegram's servers keep an idle connection longer than this, so a kept one is not closed under a request.
KEEPALIVE_SECONDS = 30.0


class _Request(HTTPXRequest):
    """The library's own request, which does not write an answer that is no JSON into the log."""

    __slots__ = ()

    @staticmethod
    def parse_json_payload(payload: bytes) -> dict[str, Any]:
        try:
            answer = json.loads(payload)
        except (ValueError, RecursionError) as error:
            raise InvalidAnswer("The answer is not JSON.") from error
        if not isinstance(answer, dict) or (answer.get("ok") is True and "result" not in answer):
            raise InvalidAnswer("The answer is not one of the Bot API.")
        return answer


class BotApi:
    """One bot's connections in one event loop."""

    def __init__(self, *, token: str, api_url: str) -> None:
        self._token = token
        self._file_url = f"{api_url}/file/bot{token}/"
        self._polling, self._calling = _request(pool=2), _request(pool=POOL)
        self._downloads = httpx.AsyncClient(verify=shared_context(), timeout=READ_SECONDS)
        self._bot = Bot(token, base_url=f"{api_url}/bot", get_updates_request=self._polling, request=self._calling)

    async def call(
        self, method: str, params: dict[str, Any], *, fine: tuple[str, ...] = (), read_seconds: float = READ_SECONDS
    ) -> Any:
        """Call a method and return its result; ChannelError when it fails.

        fine: beginnings of refusals that mean the work is already done; the result is None then.
        """
        try:
            return await self._bot.do_api_request(_spell(method), params, read_timeout=read_seconds)
        except TelegramError as error:
            if isinstance(error, BadRequest) and error.message.lower().startswith(fine):
                return None
            raise to_channel_error(error, token=self._token, whole_bot="chat_id" not in params) from error

    async def upload(self, method: str, params: dict[str, Any], *, field: str, name: str, source: IO[bytes]) -> Any:
        """Call a method that takes a file, which is read while it is sent."""
        file = InputFile(source, filename=name, read_file_handle=False)
        return await self.call(method, {**params, field: file}, read_seconds=UPLOAD_SECONDS)

    async def download(self, file_path: str, target: IO[bytes], *, limit: int) -> int:
        """Write a file of the platform to `target` and return its size; ChannelError when it is beyond the limit."""
        size = 0
        try:
            async with self._downloads.stream("GET", self._file_url + quote(file_path)) as answer:
                answer.raise_for_status()
                async for chunk in answer.aiter_bytes(CHUNK):
                    size += len(chunk)
                    if size > limit:
                        raise ChannelError("The file is larger than allowed.", permanent=True)
                    await asyncio.to_thread(target.write, chunk)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            # The error and its request hold the address, which holds the token: neither is passed on.
            raise to_download_error(error) from None
        return size

    async def close(self) -> None:
        """Close all connections; safe to call twice."""
        await self._polling.shutdown()
        await self._calling.shutdown()
        await self._downloads.aclose()


def _request(*, pool: int) -> _Request:
    limits = httpx.Limits(max_connections=pool, max_keepalive_connections=pool, keepalive_expiry=KEEPALIVE_SECONDS)
    return _Request(
        connection_pool_size=pool,
        connect_timeout=CONNECT_SECONDS,
        read_timeout=READ_SECONDS,
        write_timeout=READ_SECONDS,
        pool_timeout=READ_SECONDS,
        media_write_timeout=UPLOAD_SECONDS,
        httpx_kwargs={"limits": limits, "verify": shared_context()},
    )


@lru_cache(maxsize=64)
def _spell(method: str) -> str:
    """Return a method's name as do_api_request turns it into the Bot API's (`send_Message` for sendMessage).

    For a name in the plain spelling of a method it has, the library warns at each call that there is a typed one.
    """
    return re.sub(r"(?=[A-Z])", "_", method)
