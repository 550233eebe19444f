"""The emulator as the contract suite's far side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import count
from typing import Any

from bots.channels.base import Account, Address, InboundFile
from tests.servers.telegram.server import TelegramServer


class TelegramPlatform:
    """Alice and the bot in a direct chat."""

    def __init__(self, server: TelegramServer) -> None:
        self.server = server
        self.alice: int = server.add_user("Alice", username="alice")["id"]
        self._numbers = count(1_000)

    def account(self, **config: Any) -> Account:
        return Account(
            channel_id=1,
            name="tg",
            token=self.server.token,
            config={"api_url": self.server.url, "mode": "polling"} | config,
        )

    def address(self) -> Address:
        return Address(chat_id=str(self.alice))

    def raw_message(self, text: str) -> Mapping[str, Any]:
        number = next(self._numbers)
        return {"update_id": number, "message": self._message(number) | {"text": text}}

    def raw_press(self, data: str) -> Mapping[str, Any]:
        query = {"id": "77", "from": self._alice(), "data": data, "message": self._message(5), "chat_instance": "1"}
        return {"update_id": next(self._numbers), "callback_query": query}

    def malformed(self) -> Sequence[Mapping[str, Any]]:
        return [
            {},
            {"update_id": "7", "message": self._message(1) | {"text": "x"}},
            {"update_id": True},
            {"update_id": 10**400},
            {"update_id": 7, "message": None},
            {"update_id": 7, "message": []},
            {"update_id": 7, "message": {"text": "x"}},
            {"update_id": 7, "message": {"message_id": 1, "chat": {"type": "private"}, "text": "x"}},
            {"update_id": 7, "message": self._message(1)},
            {"update_id": 7, "message": self._message(1) | {"from": 5, "text": "x"}},
            {"update_id": 7, "callback_query": {"message": self._message(1), "from": self._alice()}},
            {"update_id": 7, "message_reaction": {"user": self._alice(), "message_id": 1}},
        ]

    def say(self, text: str) -> None:
        self.server.user_sends(self.alice, text)

    def offer_file(self, content: bytes) -> InboundFile:
        message = self.server.user_sends(self.alice, document=content, file_name="data.bin")
        return InboundFile(kind="document", ref=message["document"]["file_id"])

    def shown(self) -> list[str]:
        return [message["text"] for message in self.server.bot_messages(self.alice)]

    def _alice(self) -> dict[str, Any]:
        return {"id": self.alice, "is_bot": False, "first_name": "Alice"}

    def _message(self, number: int) -> dict[str, Any]:
        chat = {"id": self.alice, "type": "private", "first_name": "Alice"}
        return {"message_id": number, "date": 1_700_000_000, "chat": chat, "from": self._alice()}
