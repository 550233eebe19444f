"""The Telegram adapter: one bot account behind the interface of every channel."""

from __future__ import annotations

import hmac
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from django.conf import settings

from bots.channels.base import (
    Account,
    Address,
    Capabilities,
    ChannelError,
    CommandHint,
    InboundMessage,
    OutboundMessage,
    Part,
)
from bots.channels.telegram import files, format, menu
from bots.channels.telegram.door import open_api
from bots.channels.telegram.keyboard import inline_keyboard
from bots.channels.telegram.polling import Polling
from bots.channels.telegram.updates import ALLOWED_UPDATES, BotName, get_update_id, parse_update

if TYPE_CHECKING:
    from bots.channels.telegram.calls import BotApi

POLL_SECONDS = 25
SECRET_HEADER = "x-telegram-bot-api-secret-token"  # noqa: S105 (a header's name)
CALLBACK_CHARS = 200
_TOO_OLD = "query is too old"
_SAME = "message is not modified"
_DELETED = "message to delete not found"


class TelegramAdapter:
    """Talks to the Bot API. Everything but `open` and what sends works without a connection."""

    kind: ClassVar[str] = "telegram"
    capabilities: ClassVar[Capabilities] = Capabilities(text_max=4096)

    def __init__(self, account: Account) -> None:
        mode = account.config.get("mode") or settings.TELEGRAM_MODE
        self.polls: bool = mode != "webhook"
        self.account = account
        self.bot = _bot_name(account.identity, account.token)
        # Shorter than the lease under which one process polls, so that an overtaken one notices in time.
        seconds = min(POLL_SECONDS, max(1, settings.CLAW_LEASE_SECONDS // 2))
        self.polling = Polling(name=account.name, poll_seconds=seconds)
        self._api: BotApi | None = None

    @property
    def last_poll_at(self) -> float:
        """When getUpdates last succeeded (time.time()), 0.0 before the first time."""
        return self.polling.last_poll_at

    @property
    def last_error(self) -> str:
        """Why polling does not work now, or ""."""
        return self.polling.last_error

    @property
    def is_stuck(self) -> bool:
        """Tell whether polling waits for what should have come or failed long ago, so that it must be begun anew."""
        return self.polling.is_stuck

    async def open(self) -> Mapping[str, Any]:
        """Connect and return who the bot is; ChannelError when the platform does not answer or refuses the token."""
        if self._api is None:
            api_url = str(self.account.config.get("api_url") or settings.TELEGRAM_API_URL).rstrip("/")
            self._api = await open_api(token=self.account.token, api_url=api_url)
        me = await self._api.call("getMe", {})
        if not isinstance(me, dict) or not isinstance(me.get("id"), int):
            raise ChannelError("Telegram: The answer to getMe says no id.")
        identity = {
            "id": str(me["id"]),
            "username": str(me.get("username") or ""),
            "name": str(me.get("first_name") or ""),
            "reads_groups": me.get("can_read_all_group_messages") is True,
        }
        self.bot = _bot_name(identity, self.account.token)
        return identity

    async def close(self) -> None:
        """End polling and let every connection go; safe to call twice."""
        await self.polling.close()
        api, self._api = self._api, None
        if api is not None:
            await api.close()

    def external_id(self, raw: Mapping[str, Any]) -> str:
        """Return the update's number; Unparsed when it has none."""
        return str(get_update_id(raw))

    def parse(self, raw: Mapping[str, Any]) -> InboundMessage | None:
        """Return the update as a value, None when there is nothing to answer; Unparsed when it is malformed."""
        return parse_update(raw, self.bot)

    def updates(self) -> AsyncIterator[Sequence[Mapping[str, Any]]]:
        """Yield batches of raw updates until closed; asking for the next batch confirms the one before."""
        return self.polling.run(self._opened())

    def render(self, message: OutboundMessage) -> list[Part]:
        """Cut and format a message into Telegram's parts; blank text without files gives none."""
        return format.render(message)

    async def send(self, address: Address, part: Part, *, plain: bool = False) -> str:
        """Send one part and return its message id."""
        params = _place(address) | {"disable_notification": not part.notify}
        params |= _markup(part)
        if part.reply_to_id:
            params["reply_parameters"] = {"message_id": int(part.reply_to_id), "allow_sending_without_reply": True}
        if part.file is not None:
            params |= _text(part, "caption", plain)
            return _message_id(await files.send_file(self._opened(), part.file, part.content, params))
        params |= _text(part, "text", plain) | {"link_preview_options": {"is_disabled": True}}
        return _message_id(await self._opened().call("sendMessage", params))

    async def edit(self, address: Address, remote_id: str, part: Part, *, plain: bool = False) -> None:
        """Replace a text of ours; a part with a file counts as `gone`, because it needs a message of its own."""
        if part.file is not None:
            raise ChannelError("A text message cannot become a file.", gone=True)
        params = {"chat_id": _chat(address.chat_id), "message_id": int(remote_id)} | _text(part, "text", plain)
        params |= _markup(part) | {"link_preview_options": {"is_disabled": True}}
        await self._opened().call("editMessageText", params, fine=(_SAME,))

    async def delete(self, address: Address, remote_id: str) -> None:
        """Remove a message of ours."""
        params = {"chat_id": _chat(address.chat_id), "message_id": int(remote_id)}
        await self._opened().call("deleteMessage", params, fine=(_DELETED,))

    async def typing(self, address: Address) -> None:
        """Show for five seconds that the bot is typing."""
        await self._opened().call("sendChatAction", _place(address) | {"action": "typing"})

    async def react(self, address: Address, remote_id: str, emoji: str) -> None:
        """Put one of Telegram's reactions on a message; "" takes it away."""
        reaction = [{"type": "emoji", "emoji": emoji}] if emoji else []
        params = {"chat_id": _chat(address.chat_id), "message_id": int(remote_id), "reaction": reaction}
        await self._opened().call("setMessageReaction", params)

    async def answer_callback(self, callback_id: str, *, text: str = "", alert: bool = False) -> None:
        """Stop the button's spinner, with a short text."""
        params: dict[str, Any] = {"callback_query_id": callback_id, "show_alert": alert}
        if text:
            params["text"] = text[:CALLBACK_CHARS]
        await self._opened().call("answerCallbackQuery", params, fine=(_TOO_OLD,))

    async def fetch(self, ref: str, target: Path, *, limit: int) -> int:
        """Download a file to `target` and return its size; ChannelError when it is larger than `limit` bytes."""
        return await files.fetch_file(self._opened(), ref, target, limit=limit)

    async def set_commands(self, hints: Mapping[str, Sequence[CommandHint]]) -> None:
        """Publish the command menu by language ("" is the default one)."""
        await menu.set_commands(self._opened(), hints)

    async def ensure_webhook(self, url: str, secret: str) -> None:
        """Have updates posted to `url` with the secret in a header; nothing that waits is dropped."""
        params = {"url": url, "secret_token": secret, "allowed_updates": list(ALLOWED_UPDATES)}
        await self._opened().call("setWebhook", params | {"drop_pending_updates": False})

    async def remove_webhook(self) -> None:
        """Let updates wait for getUpdates again. Polling does this by itself when it must."""
        await self._opened().call("deleteWebhook", {"drop_pending_updates": False})

    async def webhook_info(self) -> Mapping[str, Any]:
        """Return what Telegram knows of where to post: url, what waits, and its last failure."""
        info = await self._opened().call("getWebhookInfo", {})
        return info if isinstance(info, dict) else {}

    def verify(self, headers: Mapping[str, str]) -> bool:
        """Tell whether a webhook request carries the account's secret; never without one."""
        given = next((value for name, value in headers.items() if name.lower() == SECRET_HEADER), "")
        secret = self.account.webhook_secret
        return bool(secret) and hmac.compare_digest(given.encode(), secret.encode())

    def _opened(self) -> BotApi:
        if self._api is None:
            raise ChannelError(f"Channel {self.account.name} is not connected.")
        return self._api


def _bot_name(identity: Mapping[str, Any], token: str) -> BotName:
    """Return who the bot is; its id is also the first part of its token."""
    number = str(identity.get("id") or token.partition(":")[0])
    bot_id = int(number) if number.isascii() and number.isdecimal() else 0
    return BotName(id=bot_id, username=str(identity.get("username") or ""))


def _chat(chat_id: str) -> int | str:
    return int(chat_id) if chat_id.lstrip("-").isdecimal() else chat_id


def _place(address: Address) -> dict[str, Any]:
    place: dict[str, Any] = {"chat_id": _chat(address.chat_id)}
    return place | {"message_thread_id": int(address.thread_id)} if address.thread_id else place


def _text(part: Part, field: str, plain: bool) -> dict[str, Any]:
    if plain or not part.body:
        return {field: part.fallback} if part.fallback else {}
    return {field: part.body, "parse_mode": "HTML"}


def _markup(part: Part) -> dict[str, Any]:
    return {"reply_markup": inline_keyboard(part.buttons)} if part.buttons else {}


def _message_id(result: object) -> str:
    if not isinstance(result, dict) or not isinstance(result.get("message_id"), int):
        raise ChannelError("Telegram: The answer says no message id.", unsent=False)
    return str(result["message_id"])
