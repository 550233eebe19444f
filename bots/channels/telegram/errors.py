"""python-telegram-bot's errors as ours.

The order of the checks matters: there BadRequest is a NetworkError. An error with a special remedy (bad_markup, gone,
moved_to) is not called permanent. Whether a failed call may have been accepted is told by `unsent`: only a connection
that was never made, and an answer that refuses, are certain.
"""

from __future__ import annotations

import os
from datetime import timedelta

import httpx
from telegram.error import (
    BadRequest,
    ChatMigrated,
    Conflict,
    EndPointNotFound,
    Forbidden,
    InvalidToken,
    NetworkError,
    RetryAfter,
    TelegramError,
    TimedOut,
)

from bots.channels.base import ChannelError
from clawsite.core.redaction import redact

# The library's own switch: waiting times come as timedelta, as they will in its next version. Without it, it warns.
os.environ.setdefault("PTB_TIMEDELTA", "true")

# A token that is refused may be right again (a proxy that misbehaved, a new token in the settings).
TOKEN_SECONDS = 60.0
_MARKUP = ("can't parse entities", "can't parse message text", "can't find end", "unsupported start tag")
_GONE = (
    "message to edit not found",
    "message to delete not found",
    "message can't be edited",
    "message_id_invalid",
    "there is no text in the message to edit",
)
_NEVER_CONNECTED = (httpx.PoolTimeout, httpx.ConnectTimeout, httpx.ConnectError, httpx.ProxyError)


class InvalidAnswer(TelegramError):
    """The server answered 200 with something else than the Bot API's JSON."""


def to_channel_error(error: TelegramError, *, token: str, whole_bot: bool) -> ChannelError:
    """Return the error as a ChannelError; `whole_bot` says that the call was not for one chat."""
    text = _describe(error, token)
    if isinstance(error, RetryAfter):
        return ChannelError(text, retry_after=seconds_of(error.retry_after), whole_bot=whole_bot)
    if isinstance(error, BadRequest):
        return _bad_request(text)
    if isinstance(error, Forbidden):
        return ChannelError(text, permanent=True)
    if isinstance(error, ChatMigrated):
        return ChannelError(text, moved_to=str(error.new_chat_id))
    if isinstance(error, InvalidToken | EndPointNotFound):
        text = "Telegram does not accept the bot token. Copy it again from @BotFather."
        return ChannelError(text, retry_after=TOKEN_SECONDS, whole_bot=True)
    if isinstance(error, Conflict):
        return ChannelError(text, whole_bot=True)
    return _no_answer(error, text)


def to_download_error(error: Exception) -> ChannelError:
    """Return why a file could not be fetched, without its address."""
    status = error.response.status_code if isinstance(error, httpx.HTTPStatusError) else 0
    reason = f"the answer was {status}" if status else type(error).__name__
    return ChannelError(f"Telegram: The file could not be fetched ({reason}).", permanent=400 <= status < 429)


def seconds_of(value: float | timedelta) -> float:
    """Return a waiting time in seconds; the library gives a number or a timedelta, by its version."""
    return value.total_seconds() if isinstance(value, timedelta) else float(value)


def _bad_request(text: str) -> ChannelError:
    lowered = text.lower()
    if any(words in lowered for words in _MARKUP):
        return ChannelError(text, bad_markup=True)
    if any(words in lowered for words in _GONE):
        return ChannelError(text, gone=True)
    return ChannelError(text, permanent=True)


def _no_answer(error: TelegramError, text: str) -> ChannelError:
    """The network failed, or the answer is not one of the Bot API's refusals."""
    if isinstance(error.__cause__, _NEVER_CONNECTED):
        return ChannelError(text)
    if isinstance(error, TimedOut | InvalidAnswer) or isinstance(error.__cause__, httpx.HTTPError):
        return ChannelError(text, unsent=False)
    if "request entity too large" in text.lower():
        return ChannelError(text, permanent=True)
    if not isinstance(error, NetworkError) or "gateway time" in text.lower() or "(504)" in text:
        return ChannelError(text, unsent=False)
    return ChannelError(text)


def _describe(error: TelegramError, token: str) -> str:
    """Return a short text without the token; a proxy's error page may be of any size and content."""
    text = redact((error.message or type(error).__name__).replace(token, "[secret]"))
    text = text.partition(". Parsing the server response")[0]
    return f"Telegram: {text[:160]}"
