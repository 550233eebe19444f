"""People with phones: they write, send files and press buttons in Telegram's emulator, and see what the bot says."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any
from urllib.request import urlopen

from tests.clawsite.running import Running, until
from tests.servers.telegram import TelegramServer

SECONDS = 90.0
Message = dict[str, Any]


@dataclass
class Phone:
    """One person's direct chat with the bot. `since` is the last message before what they did last."""

    name: str
    chat: int
    telegram: TelegramServer
    running: Running
    since: int = 0

    def says(self, text: str) -> None:
        """Write to the bot."""
        self._begin()
        self.telegram.user_sends(self.chat, text)

    def sends(self, name: str, data: str, *, to: str) -> None:
        """Send a file, with the place where it goes as its caption."""
        self._begin()
        self.telegram.user_sends(self.chat, to, document=data.encode(), file_name=name)

    def presses(self, message: Message, label: str) -> None:
        """Press the button with this in its label."""
        self._begin()
        self.telegram.press(self.chat, message["message_id"], data=data_of(message, label))

    def sees(self, pattern: str, *, since: int | None = None, seconds: float = SECONDS) -> Message:
        """Return the newest message with this, as soon as there is one after what they did last (or `since`)."""
        after = self.since if since is None else since

        def look() -> Message | None:
            said = self.telegram.bot_messages(self.chat, after=after)
            return next((each for each in reversed(said) if re.search(pattern, text_of(each), re.DOTALL)), None)

        try:
            return until(look, seconds=seconds, what=pattern)  # type: ignore[no-any-return]
        except AssertionError:
            raise AssertionError(
                f"{self.name} does not see {pattern!r} but {self.texts(after=after)}; {self.running.tail()}"
            ) from None

    def texts(self, *, after: int = 0) -> list[str]:
        """Return what the bot has said, as it stands."""
        return [text_of(each) for each in self.telegram.bot_messages(self.chat, after=after)]

    def opens(self, message: Message) -> str:
        """Return the file of a message."""
        file = f"{self.telegram.url}/control/file/{message['document']['file_id']}"
        with urlopen(file, timeout=10) as answer:  # noqa: S310 - loopback
            return str(answer.read().decode())

    def _begin(self) -> None:
        said = self.telegram.messages(self.chat)
        self.since = max((each["message_id"] for each in said), default=0)


def text_of(message: Message) -> str:
    """Return the words of a message, with a file or without."""
    return str(message.get("text") or message.get("caption") or "")


def data_of(message: Message, label: str) -> str:
    """Return what the button with this in its label sends."""
    rows = message.get("reply_markup", {}).get("inline_keyboard", [])
    (found,) = [each["callback_data"] for row in rows for each in row if label in each["text"]]
    return str(found)
