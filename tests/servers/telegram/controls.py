"""What a test (or the demo's page) can do to the Bot API emulator, the same in process and over HTTP."""

from __future__ import annotations

import base64
from typing import Any

from tests.servers.control import Controls, HttpControl

Json = dict[str, Any]


class TelegramControls(Controls):
    """People who chat with the bot, and a look at everything the bot did.

    `bot` is always a token; None means the first bot. Messages are Bot API messages with four keys more:
    `by_bot`, `deleted`, `history` (earlier texts) and `reactions`.
    """

    # People and places
    def add_bot(self, token: str) -> Json:
        """Accept one more token; returns what getMe answers for it."""
        return self.control("add_bot", token=token)  # type: ignore[no-any-return]

    def add_user(
        self,
        name: str,
        *,
        user_id: int | None = None,
        username: str | None = None,
        language_code: str = "en",
        bot: str | None = None,
    ) -> Json:
        """A user who opened the private chat; its id is the chat's id too."""
        params = {"user_id": user_id, "username": username, "language_code": language_code, "bot": bot}
        return self.control("add_user", name=name, **params)  # type: ignore[no-any-return]

    def add_group(
        self,
        title: str,
        *,
        chat_id: int | None = None,
        topics: bool = False,
        members: list[int] | None = None,
        admin: bool = False,
        basic: bool = False,
        bot: str | None = None,
    ) -> Json:
        params = {
            "chat_id": chat_id,
            "topics": topics,
            "members": members,
            "admin": admin,
            "basic": basic,
            "bot": bot,
        }
        return self.control("add_group", title=title, **params)  # type: ignore[no-any-return]

    def add_topic(self, chat_id: int, name: str, *, bot: str | None = None) -> int:
        return int(self.control("add_topic", chat_id=chat_id, name=name, bot=bot))

    # What people do
    def user_sends(
        self,
        chat_id: int,
        text: str | None = None,
        *,
        user_id: int | None = None,
        thread: int | None = None,
        reply_to: int | None = None,
        parse_mode: str | None = None,
        entities: list[Json] | None = None,
        photo: bytes | None = None,
        document: bytes | None = None,
        voice: bytes | None = None,
        file_name: str = "file.bin",
        mime_type: str | None = None,
        claimed_size: int | None = None,
        media_group_id: str | None = None,
        forward_from: str | None = None,
        date: int | None = None,
        bot: str | None = None,
    ) -> Json:
        """A user writes. With a file `text` is the caption; `claimed_size` is told instead of the real size.

        Returns the message with its `update_id` (None when the bot is not told, e.g. in privacy mode).
        """
        files = {"photo": _base64(photo), "document": _base64(document), "voice": _base64(voice)}
        place = {"user_id": user_id, "thread": thread, "reply_to": reply_to, "date": date, "bot": bot}
        look = {"parse_mode": parse_mode, "entities": entities, "forward_from": forward_from}
        about = {"file_name": file_name, "mime_type": mime_type, "claimed_size": claimed_size}
        about |= {"media_group_id": media_group_id}
        result: Json = self.control("user_sends", chat_id=chat_id, text=text, **files, **place, **look, **about)
        return result

    def send_album(
        self, chat_id: int, photos: list[bytes], *, caption: str | None = None, user_id: int | None = None
    ) -> list[Json]:
        encoded = [_base64(photo) for photo in photos]
        result: list[Json] = self.control(
            "send_album", chat_id=chat_id, photos=encoded, caption=caption, user_id=user_id
        )
        return result

    def user_edits(self, chat_id: int, message_id: int, text: str, *, bot: str | None = None) -> Json:
        return self.control("user_edits", chat_id=chat_id, message_id=message_id, text=text, bot=bot)  # type: ignore[no-any-return]

    def press(
        self,
        chat_id: int,
        message_id: int,
        *,
        text: str | None = None,
        data: str | None = None,
        user_id: int | None = None,
        bot: str | None = None,
    ) -> str:
        """Press a button by its text or data; returns the callback query's id."""
        params = {"text": text, "data": data, "user_id": user_id, "bot": bot}
        return str(self.control("press", chat_id=chat_id, message_id=message_id, **params))

    def callback_answer(self, query_id: str, *, bot: str | None = None) -> Json | None:
        return self.control("callback_answer", query_id=query_id, bot=bot)  # type: ignore[no-any-return]

    def react(
        self,
        chat_id: int,
        message_id: int,
        emoji: str | None,
        *,
        user_id: int | None = None,
        bot: str | None = None,
    ) -> int | None:
        params = {"emoji": emoji, "user_id": user_id, "bot": bot}
        return self.control("react", chat_id=chat_id, message_id=message_id, **params)  # type: ignore[no-any-return]

    def set_blocked(self, chat_id: int, blocked: bool = True, *, bot: str | None = None) -> None:
        self.control("set_blocked", chat_id=chat_id, blocked=blocked, bot=bot)

    def migrate_group(self, chat_id: int, *, bot: str | None = None) -> int:
        return int(self.control("migrate_group", chat_id=chat_id, bot=bot))

    # The stream of updates
    def inject(self, update: Any, *, force: bool = False, bot: str | None = None) -> None:
        """Queue any JSON as an update. Without an `update_id` an object gets the next one.

        `force` (always so for what is no object) gives it once with the next answer, whatever the offset is.
        """
        self.control("inject", update=update, force=force, bot=bot)

    def repeat_update(self, update_id: int, *, bot: str | None = None) -> None:
        """Give an update that is still known (the newest 1000) once more, confirmed or not."""
        self.control("repeat_update", update_id=update_id, bot=bot)

    def pending_updates(self, *, bot: str | None = None) -> list[Json]:
        """Updates not confirmed yet."""
        return self.control("pending_updates", bot=bot)  # type: ignore[no-any-return]

    def set_options(
        self,
        *,
        repeat_every: int | None = None,
        retention: float | None = None,
        next_update_id: int | None = None,
        privacy: bool | None = None,
        callback_seconds: float | None = None,
        bot: str | None = None,
    ) -> None:
        """Repeat every n-th update (0: none), keep updates so many seconds, jump in ids, and so on."""
        params: Json = {"repeat_every": repeat_every, "retention": retention, "next_update_id": next_update_id}
        params |= {"privacy": privacy, "callback_seconds": callback_seconds, "bot": bot}
        self.control("set_options", **params)

    def set_limits(
        self,
        *,
        enabled: bool = True,
        chat_rate: float = 1.0,
        chat_burst: float = 3.0,
        group_per_minute: float = 20.0,
        global_rate: float = 30.0,
        bot: str | None = None,
    ) -> None:
        """Enforce flood limits (all buckets start full)."""
        rates = {"chat_rate": chat_rate, "chat_burst": chat_burst, "global_rate": global_rate}
        self.control("set_limits", enabled=enabled, group_per_minute=group_per_minute, bot=bot, **rates)

    # What happened
    def messages(
        self,
        chat_id: int,
        *,
        after: int = 0,
        thread: int | None = None,
        limit: int = 1000,
        bot: str | None = None,
    ) -> list[Json]:
        """Messages of a chat with a larger id than `after`, deleted ones too."""
        params = {"after": after, "thread": thread, "limit": limit, "bot": bot}
        return self.control("messages", chat_id=chat_id, **params)  # type: ignore[no-any-return]

    def bot_messages(self, chat_id: int, *, after: int = 0, bot: str | None = None) -> list[Json]:
        """What the bot said and has not deleted."""
        found = self.messages(chat_id, after=after, bot=bot)
        return [message for message in found if message["by_bot"] and not message["deleted"]]

    def calls(self, *, since: int = 0, method: str | None = None, limit: int = 10_000) -> list[Json]:
        """The ledger after entry `since`.

        Seq, at, bot (id), method, params, status, description, result, fault.

        `result` is the message id, the number of updates or the value; `params` are as they came.
        """
        return self.control("calls", since=since, method=method, limit=limit)  # type: ignore[no-any-return]

    def last_call(self) -> int:
        """The number of the newest entry of the ledger, for `calls(since=...)`."""
        return int(self.control("last_call"))

    def chats(self, *, bot: str | None = None) -> list[Json]:
        """All chats with topics, members, current action and drafts."""
        return self.control("chats", bot=bot)  # type: ignore[no-any-return]

    def users(self) -> list[Json]:
        return self.control("users")  # type: ignore[no-any-return]

    def bots(self) -> list[Json]:
        return self.control("bots")  # type: ignore[no-any-return]

    def commands(self, *, scope: str = "default", language_code: str = "", bot: str | None = None) -> list[Json]:
        """The menu of a scope, written `chat:5001` where it has ids."""
        return self.control("commands", scope=scope, language_code=language_code, bot=bot)  # type: ignore[no-any-return]

    def webhook(self, *, bot: str | None = None) -> Json | None:
        """Where updates are posted, with `delivered` and `attempts`; None while polling."""
        return self.control("webhook", bot=bot)  # type: ignore[no-any-return]

    def wait_for_bot(self, chat_id: int, count: int = 1, *, after: int = 0, timeout: float = 10.0) -> list[Json]:
        """Block until the bot said that many messages; returns them."""
        found: list[Json] = self.wait_for(
            lambda: len(said := self.bot_messages(chat_id, after=after)) >= count and said,
            timeout=timeout,
            what=f"{count} messages of the bot in chat {chat_id}",
        )
        return found


class TelegramControl(HttpControl, TelegramControls):
    """The controls over HTTP: `TelegramControl("http://127.0.0.1:8081")`."""


def _base64(data: bytes | None) -> str | None:
    return None if data is None else base64.b64encode(data).decode()
